// Clients of the model context protocol in JavaScript: client.mjs MODE URL-OR-COMMAND…
//
// `legacy` is the SDK of the older revision, the others are modes of that of the newer one. It lists the tools of counter and
// echo, calls them, and prints the version that it spoke. Run where the packages are.

import assert from 'node:assert';

const [mode, server, ...args] = process.argv.slice(2);
const self = { name: 'test', version: '1' };

async function older() {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const transport = args.length
        ? new StdioClientTransport({ command: server, args })
        : new StreamableHTTPClientTransport(new URL(server));
    const client = new Client(self);
    await client.connect(transport);
    return [client, () => '2025-11-25'];
}

async function newer() {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
    const transport = args.length
        ? new StdioClientTransport({ command: server, args })
        : new StreamableHTTPClientTransport(new URL(server));
    const client = new Client(self, { versionNegotiation: { mode: mode === 'auto' ? mode : { pin: mode } } });
    await client.connect(transport);
    return [client, () => client.getNegotiatedProtocolVersion()];
}

const [client, version] = await (mode === 'legacy' ? older() : newer());
const { tools } = await client.listTools();
const grow = tools.find((tool) => tool.name === 'counter.grow');
assert.deepEqual(grow.inputSchema.required, ['pages']);
const grown = await client.callTool({ name: 'counter.grow', arguments: { pages: 3 } });
assert.deepEqual(grown.structuredContent, { result: 5 });
const echoed = await client.callTool({ name: 'echo.run', arguments: { input: 'hi' } });
assert.deepEqual(echoed.structuredContent, { result: [104, 105] });
const trapped = await client.callTool({ name: 'counter.trap', arguments: {} });
assert.ok(trapped.isError);
assert.equal(trapped._meta['tollgate/kind'], 'trap');
await assert.rejects(client.callTool({ name: 'counter.none', arguments: {} }));
console.log(version());
await client.close();
