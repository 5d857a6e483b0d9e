/** The authorization server of this example: knows two people by their tokens. Stands in for yours (oauth2-proxy, OPA, …). */
import { createServer, type Server } from 'node:http';

const people: Readonly<Record<string, string>> = { 'Bearer a-secret': 'ann', 'Bearer b-secret': 'bob' };

export function startBackend({ port, address }: { readonly port: number; readonly address: string }): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const person = people[request.headers.authorization ?? ''];
    if (person === undefined) {
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer', 'Content-Type': 'text/plain' });
      response.end('who are you?\n');
    } else {
      response.writeHead(200, { 'X-User': person }).end();
    }
  });
  // Longer than any gateway keeps idle connections, so that it is the gateway who closes them.
  server.keepAliveTimeout = 120_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
