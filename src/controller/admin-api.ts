/** The admin API: health, metrics and what is known, over HTTP for operators. Read-only; every answer comes from a function handed in. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** An import would load Node's WebSocket client for the sake of its name: 0.1 s of each start. */
const { createServer } = process.getBuiltinModule('node:http');

export interface AdminPages {
  /** Whether traffic may be sent here: the first configuration is acknowledged and no drain has begun. */
  isReady(): boolean;
  /** Prometheus text format 0.0.4. */
  metrics(): string | Promise<string>;
  /** Any JSON value, without secrets. */
  config(): unknown;
  status(): unknown;
  version(): unknown;
}

export interface AdminAddress {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface AdminApi {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

type Page = (pages: AdminPages) => Answer | Promise<Answer>;
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const routes: Readonly<Record<string, Page>> = {
  '/livez': () => text(200, 'ok'),
  '/readyz': (pages) => (pages.isReady() ? text(200, 'ok') : text(503, 'not ready')),
  '/metrics': async (pages) => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: await pages.metrics(),
  }),
  '/config': (pages) => json(200, pages.config()),
  '/status': (pages) => json(200, pages.status()),
  '/version': (pages) => json(200, pages.version()),
  '/': () => text(200, Object.keys(routes).slice(0, -1).join('\n')),
};

/** Resolves once it listens; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function startAdminApi(pages: AdminPages, { address, port }: AdminAddress): Promise<AdminApi> {
  const server = createServer((request, response) => void answer(pages, request, response));
  server.listen({ host: address, port });
  await once(server, 'listening');
  // Whoever holds a connection open must not keep the process from ending.
  server.unref();
  const bound = server.address() as AddressInfo;
  return { address: bound.address, port: bound.port, close: () => closed(server) };
}

async function answer(pages: AdminPages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await pageOf(pages, request).catch((error) => text(500, String(error)));
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageOf(pages: AdminPages, request: IncomingMessage): Promise<Answer> {
  if (!mayAsk(request.headers.host ?? '', request.socket.localAddress ?? ''))
    return text(403, 'ask by IP address or as localhost');
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD are allowed');
  const path = (request.url ?? '/').split('?')[0]!;
  const page = Object.hasOwn(routes, path) ? routes[path] : undefined;
  return page ? page(pages) : text(404, `no such page; there are ${Object.keys(routes).slice(0, -1).join(' ')}`);
}

/**
 * A web page that a name was rebound to must not read what only this machine can: browsers send the name they asked for. Whoever
 * opens the API to a network has it asked by name there, by Prometheus for one.
 */
export function mayAsk(host: string, localAddress: string): boolean {
  return isLocalName(host) || !/^(?:::ffff:)?127\.|^::1$|^$/.test(localAddress);
}

/** IP addresses and localhost cannot be rebound by a stranger's DNS. */
function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || /^[\d.]+$/.test(name) || /^\[[\da-fA-F:.]+\]$/.test(name);
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, null, 2)}\n` };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
