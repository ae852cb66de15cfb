"""A first plugin in Python: one action that greets, one that asks somebody."""

from windlass import Action, Failure, Plugin, bearer, secret, send


def greet(attempt, input):
    attempt.log("somebody is greeted")
    return {"text": f"Hello, {input['name']}!"}


def ask(attempt, input):
    answer = send(
        f"{input['endpoint']}/greeting",
        headers={"authorization": bearer(secret(input["token"]))},
    )
    if answer.status != 200:
        raise Failure("none", "refused", f"it answered {answer.status}")
    return {"text": answer.json()["text"]}


Describe, Run, Reconcile, Undo = Plugin(
    name="hello_python",
    version="0.1.0",
    summary="Greets people, in Python",
    actions={
        "greet": Action(
            summary="Greets somebody",
            effect="read",
            input={"name": {"type": "string", "description": "Whom to greet."}},
            output={"text": {"type": "string", "description": "What was said."}},
            run=greet,
        ),
        "ask": Action(
            summary="Asks a server for its greeting",
            effect="read",
            input={
                "endpoint": {"type": "string", "description": "Where the server is."},
                "token": {"type": "string", "format": "secret", "description": "Who asks."},
            },
            output={"text": "string"},
            reads=("GET {endpoint}/greeting",),
            run=ask,
        ),
    },
).exports()
