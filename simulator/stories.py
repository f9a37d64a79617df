"""What the demo's visitors are called and what they want to know."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Story:
    """What one visitor says, where it comes from, and from which line on the visitor's name is known."""

    source: str
    says: tuple[str, ...]
    introduced_at: int = 0
    complete: bool = False


STORIES: Final = (
    Story("website_widget", ("Hello", "What are your business hours?", "And are you open on public holidays?")),
    Story("website_widget", ("Hi there, when are you open on Friday?", "Great, thank you!"), complete=True),
    Story("mobile_app", ("Where is my order?", "It is number 48213.", "Thanks, that helps."), complete=True),
    Story("mobile_app", ("The app crashes when I open my profile.", "It says error 17, since yesterday.")),
    Story("pricing_page", ("How much is the Team plan?", "Is there a discount for paying yearly?")),
    Story("pricing_page", ("What does it cost for five people?", "Could I talk to someone from sales?")),
    Story(
        "website_widget",
        ("Do you have an API?", "Can it send webhooks to our system?", "My e-mail is the one you have, write to me."),
        introduced_at=2,
    ),
    Story(
        "help_center",
        ("I cannot log in to my account.", "Yes, the mail arrived. Perfect, it works now."),
        complete=True,
    ),
    Story("help_center", ("I would like a refund please.", "The order number is 50117.", "How long does it take?")),
    Story("email_campaign", ("I got your newsletter. What is new in the Starter plan?",)),
    Story("email_campaign", ("Can I cancel my subscription?", "Okay, then I will think about it. Bye!"), complete=True),
    Story("website_widget", ("Is there a real person I can talk to?", "It is about a parcel that arrived broken.")),
    Story("mobile_app", ("Tell me a story", "Haha, thank you!")),
    Story("checkout", ("My card is declined.", "It is a Visa card, it worked last week."), introduced_at=1),
    Story("website_widget", ("¿Hablan español?", "No importa. What can you help me with?")),
    Story("help_center", ("Der Login geht nicht, können Sie helfen? 🙏", "Thanks, I got the password e-mail now.")),
)

NAMES: Final = (
    "Ada Lindqvist",
    "Ben Okafor",
    "Chiara Rossi",
    "Daniel Weiß",
    "Elif Şahin",
    "Femi Adeyemi",
    "Grace Park",
    "Hugo Lefèvre",
    "Inés Castillo",
    "Jonas Berg",
    "Kavya Nair",
    "Liam O'Connor",
    "Mei Tanaka",
    "Noor Haddad",
    "Olga Petrova",
    "Pedro Almeida",
    "Quinn Foster",
    "Rania Saleh",
    "Søren Holm",
    "Thandi Mokoena",
)

MAIL_DOMAINS: Final = ("example.com", "example.org", "example.net")
