// URLs in, one on each line; what `fetch` says of each out, as JSON lines.
//
// Built by `just guests-polyglot` with all that componentize-js has: `fetch` imports wasi:http and the rest of
// WASI comes along. Nothing of Tollgate is imported, so this is what any JavaScript component looks like.

async function asked(url) {
  try {
    const response = await fetch(url);
    const type = response.headers.get('content-type');
    return { url, status: response.status, type, text: await response.text() };
  } catch (error) {
    return { url, error: String(error) };
  }
}

export async function run(input) {
  const urls = new TextDecoder().decode(input).split('\n').filter(Boolean);
  const answers = await Promise.all(urls.map(asked));
  return new TextEncoder().encode(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
}
