/**
 * Ends TLS on accepted sockets: one certificate table, Node's TLS on top. Replaced as a whole when certificates change;
 * connections that it has set up do not need it any more. Knows no HTTP.
 */
import type net from 'node:net';
import tls from 'node:tls';
import { socketBelow } from '../socket-below.ts';
import { certificateTable, type CertificateListener } from './certificate-table.ts';
import { answerHttp1 } from './http-on-tls.ts';
import { contextOptions, type NamedContext } from './secure-contexts.ts';

export interface TlsTerminator {
  /** Begins the handshake on a socket that was accepted with `pauseOnConnect`. */
  accept(socket: net.Socket): void;
}

export interface TlsTerminatorOptions {
  readonly listeners: readonly CertificateListener<NamedContext>[];
  readonly ticketKeys: Buffer;
  readonly handshakeTimeoutMs: number;
  /** What is agreed to by ALPN: one of these, or the first that a client offers; absent: nothing, whatever is offered. */
  readonly protocols?: readonly string[] | 'offered' | undefined;
  onSecure(socket: tls.TLSSocket): void;
  /** The handshake failed; the socket is closed. `reason` is a CamelCase word for metrics. */
  onFailed(reason: string): void;
}

/** Null where no listener has a usable certificate. */
export function createTlsTerminator(options: TlsTerminatorOptions): TlsTerminator | null {
  const table = certificateTable(options.listeners);
  if (table.fallback === null) return null;
  // A server that never listens: connections are handed to it, which is the documented way to add TLS to a socket.
  const server = tls.createServer({
    ...contextOptions(table.fallback, options.ticketKeys),
    ...verificationOf(table.fallback),
    ...agreementOn(options.protocols),
    handshakeTimeout: options.handshakeTimeoutMs,
    // With one certificate for every name there is nothing to select, and a handshake costs less without asking.
    ...(isUniform(options.listeners, table.contexts.size) ? {} : { SNICallback: selectContext }),
  });
  function selectContext(serverName: string, done: (error: Error | null, context?: tls.SecureContext) => void): void {
    const chosen = table.select(serverName);
    if (chosen === null) done(new UnknownServerName(serverName));
    else done(null, chosen.context);
  }
  server.on('secureConnection', (socket) => options.onSecure(socket));
  server.on('tlsClientError', (error, socket) => {
    const below = socketBelow(socket);
    if (below !== null && 'code' in error && error.code === 'ERR_SSL_HTTP_REQUEST') answerHttp1(below);
    else socket.destroy();
    // Node ends the connection of an unwanted client itself, and then says no more than that it was reset.
    options.onFailed(socket.authorizationError ? 'TlsClientCertificate' : failureReason(error));
  });
  return { accept: (socket) => void server.emit('connection', socket) };
}

function agreementOn(protocols: TlsTerminatorOptions['protocols']): tls.TlsOptions {
  if (protocols === undefined) return {};
  return protocols === 'offered' ? { ALPNCallback: (hello) => hello.protocols[0] } : { ALPNProtocols: [...protocols] };
}

/** All listeners of a port ask the same of clients, since one Gateway has it. */
function verificationOf({ validation }: NamedContext): tls.TlsOptions {
  if (!validation) return {};
  return { requestCert: true, rejectUnauthorized: validation.mode === 'AllowValidOnly' };
}

function isUniform(listeners: readonly CertificateListener<NamedContext>[], contexts: number): boolean {
  return contexts === 1 && listeners.some((listener) => listener.hostname === '');
}

class UnknownServerName extends Error {
  readonly code = 'UNKNOWN_SERVER_NAME';
}

const reasons: Readonly<Record<string, string>> = {
  UNKNOWN_SERVER_NAME: 'UnknownServerName',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'TlsHandshakeTimeout',
  ERR_SSL_HTTP_REQUEST: 'HttpToTlsPort',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'TlsVersion',
  ERR_SSL_NO_SHARED_CIPHER: 'TlsNoSharedCipher',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'TlsNoApplicationProtocol',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'TlsClientCertificate',
  ECONNRESET: 'TlsClientGone',
};

/** A bounded set of words: what a client sends never becomes a label. */
function failureReason(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return reasons[code] ?? 'TlsHandshake';
}
