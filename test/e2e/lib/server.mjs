// A server that answers as a test says, for what hubsim cannot do: broken connections at the right moment, other hosts.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

// `handler(request, response, n)`: request has its body as `text`; n counts from 1. The result knows url and requests.
export async function serve(t, handler, tls) {
  const requests = [];
  const listener = async (request, response) => {
    request.text = '';
    for await (const part of request) {
      request.text += part;
    }
    requests.push(request);
    handler(request, response, requests.length);
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address();
  return { url: `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}`, requests };
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
