// Signs with senders' own libraries: a JSON list of jobs on stdin, a JSON list of headers (or true and false) on stdout.
import { sign } from "@octokit/webhooks-methods";
import { validateSignature } from "@line/bot-sdk";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_none");

const libraries = {
  github: async ({ secret, body }) => ({ "x-hub-signature-256": await sign(secret, body) }),
  standard: ({ secret, body, id, time }) => ({
    "webhook-id": id,
    "webhook-timestamp": String(time),
    "webhook-signature": new Webhook(secret).sign(id, new Date(time * 1000), body),
  }),
  stripe: ({ secret, body, time }) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: time }),
  }),
  // LINE's library only checks: it is given what hookline signed.
  line: ({ secret, body, signature }) => validateSignature(body, secret, signature),
};

let input = "";
for await (const chunk of process.stdin) input += chunk;
const done = [];
for (const job of JSON.parse(input)) done.push(await libraries[job.library](job));
process.stdout.write(JSON.stringify(done));
