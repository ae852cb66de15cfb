// A first plugin in JavaScript: one action that greets, one that asks somebody.

import { bearer, Failure, plugin, secret, send } from "./windlass.js";

export const { describe, run, reconcile, undo } = plugin({
  name: "hello_js",
  version: "0.1.0",
  summary: "Greets people, in JavaScript",
  actions: {
    greet: {
      summary: "Greets somebody",
      effect: "read",
      input: { name: { type: "string", description: "Whom to greet." } },
      output: { text: { type: "string", description: "What was said." } },
      run(attempt, input) {
        attempt.log("somebody is greeted");
        return { text: `Hello, ${input.name}!` };
      },
    },
    ask: {
      summary: "Asks a server for its greeting",
      effect: "read",
      input: {
        endpoint: { type: "string", description: "Where the server is." },
        token: { type: "string", format: "secret", description: "Who asks." },
      },
      output: { text: "string" },
      reads: ["GET {endpoint}/greeting"],
      run(attempt, input) {
        const answer = send({
          url: `${input.endpoint}/greeting`,
          headers: { authorization: bearer(secret(input.token)) },
        });
        if (answer.status !== 200) throw new Failure("none", "refused", `it answered ${answer.status}`);
        return { text: answer.json().text };
      },
    },
  },
});
