/** A backend that can be told that it is not well: then `/healthz` says so, while all other requests are answered as before. */
import { createServer, type Server } from 'node:http';

export function startBackend({ port, address }: { readonly port: number; readonly address: string }): Promise<Server> {
  const name = `shop at ${port}`;
  let isWell = true;
  const server = createServer(({ url }, response) => {
    if (url === '/break') isWell = false;
    if (url === '/mend') isWell = true;
    const status = url === '/healthz' && !isWell ? 503 : 200;
    response.writeHead(status).end(`${name}\n`);
  });
  // Longer than any gateway keeps idle connections, so that it is the gateway who closes them.
  server.keepAliveTimeout = 120_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
