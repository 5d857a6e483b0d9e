/** The backends of golden traffic: one echo for each Service and protocol, which says what it was asked. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import type { BackendProtocol } from '../src/contract/gateway-config.ts';
import { startGrpcAuth } from './traffic-auth-grpc.ts';
import { authorize } from './traffic-auth.ts';

/** What an echo answers, as JSON. */
export interface Echo {
  readonly service: string;
  readonly path: string;
  readonly host: string;
  /** By lower-case name; the values of several fields are joined by `,`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The SNI; empty without TLS. */
  readonly serverName: string;
  /** The common name of the certificate that the proxy showed; empty where it showed none. */
  readonly clientCertificate: string;
}

export interface TrafficBackends {
  /** The port on 127.0.0.1 where the echo of that Service listens. */
  portOf(service: string, protocol: BackendProtocol): Promise<number>;
  close(): void;
}

export function createTrafficBackends(): TrafficBackends {
  const servers = new Map<string, Promise<Running>>();
  return {
    async portOf(service, protocol) {
      const name = `${service} ${protocol}`;
      const isGrpcAuth = service.startsWith('auth') && protocol === 'h2c';
      const starting = servers.get(name) ?? (isGrpcAuth ? startGrpcAuth() : start(service, protocol));
      servers.set(name, starting);
      return (await starting).port;
    },
    close() {
      for (const starting of servers.values()) void starting.then((server) => server.close());
    },
  };
}

function pem(name: string): string {
  return readFileSync(join(import.meta.dirname, 'certificates', name), 'utf8');
}

/** Asks for a client certificate, and takes any. */
const tlsOptions = {
  cert: pem('backend.crt'),
  key: pem('backend.key'),
  requestCert: true,
  rejectUnauthorized: false,
};

function serverFor(protocol: BackendProtocol): Server {
  const options = { keepAliveTimeout: 120_000 };
  if (protocol === 'http1') return http.createServer(options);
  if (protocol === 'h2c') return http2.createServer();
  return protocol === 'h2-tls'
    ? http2.createSecureServer(tlsOptions)
    : https.createServer({ ...tlsOptions, ...options });
}

interface Running {
  readonly port: number;
  close(): void;
}

async function start(service: string, protocol: BackendProtocol): Promise<Running> {
  const server = serverFor(protocol);
  server.on('request', (request: http.IncomingMessage | http2.Http2ServerRequest, response: http.ServerResponse) => {
    if (service.startsWith('auth')) return authorize(request as http.IncomingMessage, response);
    request.resume();
    request.on('end', () => response.end(JSON.stringify(echoOf(service, request))));
  });
  server.listen(0, '127.0.0.1');
  // A proxy that keeps connections open must not keep the tests from ending.
  server.unref();
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function echoOf(service: string, request: http.IncomingMessage | http2.Http2ServerRequest): Echo {
  const headers: Record<string, string> = {};
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase();
    const value = request.rawHeaders[i + 1]!;
    headers[name] = name in headers ? `${headers[name]},${value}` : value;
  }
  const host = headers[':authority'] ?? headers['host'] ?? '';
  return { service, path: request.url ?? '', host, headers, ...tlsOf(request) };
}

function tlsOf(
  request: http.IncomingMessage | http2.Http2ServerRequest,
): Pick<Echo, 'serverName' | 'clientCertificate'> {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  if (!(socket instanceof TLSSocket)) return { serverName: '', clientCertificate: '' };
  const subject = socket.getPeerCertificate().subject as { readonly CN?: string } | undefined;
  return { serverName: socket.servername || '', clientCertificate: subject?.CN ?? '' };
}
