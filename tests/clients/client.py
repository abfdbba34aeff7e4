"""A client of the model context protocol in Python: client.py MODE URL-OR-COMMAND…

It lists the tools of counter and echo, calls them, and prints the version that it spoke.
"""

import asyncio
import sys

from mcp import Client, MCPError, StdioServerParameters


async def main(mode, server, *arguments):
    where = server
    if arguments:
        where = StdioServerParameters(command=server, args=list(arguments))
    async with Client(where, mode=mode, read_timeout_seconds=30) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["counter.grow"].input_schema["required"] == ["pages"], tools
        grown = await client.call_tool("counter.grow", {"pages": 3})
        assert grown.structured_content == {"result": 5}, grown
        assert not grown.is_error, grown
        trapped = await client.call_tool("counter.trap", {})
        assert trapped.is_error and trapped.meta["tollgate/kind"] == "trap", trapped
        wrong = await client.call_tool("counter.grow", {"pages": "x"})
        assert wrong.is_error and wrong.meta["tollgate/kind"] == "arguments", wrong
        try:
            await client.call_tool("counter.none", {})
            raise AssertionError("a tool that is not there was called")
        except MCPError as error:
            assert error.error.code == -32602, error
        print(client.protocol_version)


asyncio.run(main(*sys.argv[1:]))
