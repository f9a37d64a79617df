"""`make docs`: writes the blocks of all pages anew."""

from tests.conventions.reference.pages import PAGES, ROOT, made_anew

for page in PAGES:
    text = made_anew(page)
    if (ROOT / page).read_text(encoding="utf-8") != text:
        (ROOT / page).write_text(text, encoding="utf-8")
        print(f"wrote {page}")
