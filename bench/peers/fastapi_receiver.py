"""The same on FastAPI and aiokafka, with uvicorn's fast loop and parser: `fastapi_receiver.py BOOTSTRAP TOPIC`."""

import asyncio
import socket
import sys

import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from webhooks import SIGNATURE, Webhook, arguments, producer, proved


async def main(bootstrap: str, topic: str) -> None:
    """Receive until the standard input closes."""
    kafka = producer(bootstrap)
    await kafka.start()
    application = FastAPI(openapi_url=None)

    @application.post("/in/{source}", status_code=202, response_model=None)
    async def take(source: str, request: Request) -> Response | dict[str, str]:
        del source
        body = await request.body()
        if not proved(body, request.headers.get(SIGNATURE)):
            return Response(status_code=401)
        try:
            webhook = Webhook.model_validate_json(body)
        except ValidationError:
            return Response(status_code=422)
        value = webhook.model_dump_json().encode()
        await kafka.send_and_wait(topic, value, key=webhook.data.conversationId.encode())
        return {"id": webhook.id}

    config = uvicorn.Config(application, http="httptools", lifespan="off", access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    serving = asyncio.create_task(server.serve([listening]))
    print(listening.getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
    await kafka.stop()


if __name__ == "__main__":
    uvloop.run(main(*arguments()))
