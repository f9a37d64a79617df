"""A receiver as one writes it by hand on aiohttp and aiokafka: `aiohttp_receiver.py BOOTSTRAP TOPIC`.

It proves, validates, appends and answers. It knows no copies, keeps no delivery beside its event, bounds nothing, and
what it cannot read or append is lost with its answer. Its port is its first line of output; it ends with its input.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from pydantic import ValidationError
from webhooks import SIGNATURE, Webhook, arguments, producer, proved


async def main(bootstrap: str, topic: str) -> None:
    """Receive until the standard input closes."""
    kafka = producer(bootstrap)
    await kafka.start()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        if not proved(body, request.headers.get(SIGNATURE)):
            return web.Response(status=401)
        try:
            webhook = Webhook.model_validate_json(body)
        except ValidationError:
            return web.Response(status=422)
        value = webhook.model_dump_json().encode()
        await kafka.send_and_wait(topic, value, key=webhook.data.conversationId.encode())
        return web.json_response({"id": webhook.id}, status=202)

    application = web.Application()
    application.router.add_post("/in/{source}", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    await kafka.stop()


if __name__ == "__main__":
    uvloop.run(main(*arguments()))
