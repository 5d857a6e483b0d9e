/** The backends of golden traffic: one echo for each Service and protocol, which says what it was asked. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';

/** What an echo answers, as JSON. */
export interface Echo {
  readonly service: string;
  readonly path: string;
  readonly host: string;
  /** By lower-case name; the values of several fields are joined by `,`. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface TrafficBackends {
  /** The port on 127.0.0.1 where the echo of that Service listens. */
  portOf(service: string, isHttp2: boolean): Promise<number>;
  close(): void;
}

export function createTrafficBackends(): TrafficBackends {
  const servers = new Map<string, Promise<Server>>();
  return {
    async portOf(service, isHttp2) {
      const name = `${service} ${isHttp2}`;
      const starting = servers.get(name) ?? start(service, isHttp2);
      servers.set(name, starting);
      return ((await starting).address() as AddressInfo).port;
    },
    close() {
      for (const starting of servers.values()) void starting.then((server) => server.close());
    },
  };
}

async function start(service: string, isHttp2: boolean): Promise<Server> {
  const server = isHttp2 ? http2.createServer() : http.createServer({ keepAliveTimeout: 120_000 });
  server.on('request', (request: http.IncomingMessage | http2.Http2ServerRequest, response: http.ServerResponse) => {
    request.resume();
    request.on('end', () => response.end(JSON.stringify(echoOf(service, request))));
  });
  server.listen(0, '127.0.0.1');
  // A proxy that keeps connections open must not keep the tests from ending.
  server.unref();
  await once(server, 'listening');
  return server;
}

function echoOf(service: string, request: http.IncomingMessage | http2.Http2ServerRequest): Echo {
  const headers: Record<string, string> = {};
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase();
    const value = request.rawHeaders[i + 1]!;
    headers[name] = name in headers ? `${headers[name]},${value}` : value;
  }
  return { service, path: request.url ?? '', host: headers[':authority'] ?? headers['host'] ?? '', headers };
}
