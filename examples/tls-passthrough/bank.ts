/** The backend of this example that speaks TLS itself, with a certificate that the Gateway never sees. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';

export function startBackend({ port, address }: { readonly port: number; readonly address: string }): Promise<Server> {
  const pem = readFileSync(join(import.meta.dirname, 'bank.pem'));
  const server = createServer({ key: pem, cert: pem }, (request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end(`bank ${request.method} ${request.url}\n`);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
