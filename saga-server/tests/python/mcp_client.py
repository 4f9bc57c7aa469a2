"""Questions to the tools of the Model Context Protocol, by its own library for Python.

Reads questions as lines of JSON ({"tool", "arguments"}) and writes one line for each answer; the first line says what the server is and
which tools it has. Over HTTP with --url, else it starts the command that follows. A server that refuses the client is one line, too.
"""

import argparse
import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def show(line):
    print(json.dumps(line, ensure_ascii=True, sort_keys=True), flush=True)


async def converse(server, mode):
    async with Client(server, mode=mode, read_timeout_seconds=60) as client:
        listed = await client.list_tools()
        show(
            {
                "server": client.server_info.name,
                "instructions": client.instructions,
                "tools": [tool.name for tool in listed.tools],
                "readOnly": all(tool.annotations.read_only_hint for tool in listed.tools),
            }
        )
        for line in sys.stdin:
            question = json.loads(line)
            result = await client.call_tool(question["tool"], question["arguments"])
            show(
                {
                    **question,
                    "isError": result.is_error,
                    "text": "".join(block.text for block in result.content),
                    "structured": result.structured_content,
                }
            )


async def over_http(url, token, mode):
    statuses = []

    async def remember(response):
        statuses.append(response.status_code)

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60, event_hooks={"response": [remember]}) as http_client:
        try:
            await converse(streamable_http_client(url, http_client=http_client), mode)
        except* MCPError as errors:
            if 401 not in statuses:
                raise
            show({"refused": sorted(set(statuses)), "errors": len(errors.exceptions)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--token")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("command", nargs="*")
    arguments = parser.parse_args()
    if arguments.url:
        asyncio.run(over_http(arguments.url, arguments.token, arguments.mode))
    else:
        command, *rest = arguments.command
        asyncio.run(converse(StdioServerParameters(command=command, args=rest), arguments.mode))


if __name__ == "__main__":
    main()
