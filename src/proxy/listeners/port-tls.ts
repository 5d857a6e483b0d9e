/** Makes a port serve what its listeners are: in the clear, or with TLS by their certificates. Knows no configuration. */
import type tls from 'node:tls';
import type { CertificateListener } from './certificate-table.ts';
import { HelloService } from './hello-service.ts';
import { clearService, tcpService, tlsService } from './port-services.ts';
import type { Port } from './port.ts';
import type { NamedContext } from './secure-contexts.ts';
import { createTlsTerminator, type TlsTerminator, type TlsTerminatorOptions } from './tls-terminator.ts';

type Certificates = readonly CertificateListener<NamedContext>[];

/** What a port has to know of its listeners for TLS. */
export interface PortTls {
  readonly https: Certificates;
  /** Of listeners whose connections are decrypted and carried as bytes. */
  readonly tls: Certificates;
  /** There is a listener of protocol TLS, so the server name decides more than the certificate. */
  readonly readsHello: boolean;
}

const httpProtocols = ['h2', 'http/1.1'];

/** For connections from now on. `wanted` is null in the clear; `ticketKeys` are the same in all workers. */
export function serveOn(port: Port, wanted: PortTls | null, ticketKeys: Buffer): void {
  if (wanted === null) {
    const isTcp = port.listeners.some(({ config }) => config.protocol === 'TCP');
    return port.serve(isTcp ? tcpService(port) : clearService(port));
  }
  const terminatorOf = (listeners: Certificates, hooks: TerminatorHooks): TlsTerminator | null =>
    createTlsTerminator({
      listeners,
      ticketKeys,
      handshakeTimeoutMs: port.limits.tlsHandshakeTimeoutMs,
      onFailed: (reason) => port.reject(reason),
      ...hooks,
    });
  const https = terminatorOf(wanted.https, {
    protocols: httpProtocols,
    onSecure: (socket) => port.acceptSecure(socket),
  });
  if (!wanted.readsHello) return port.serve(tlsService(port, https));
  const service = new HelloService(port);
  const onSecure = (socket: tls.TLSSocket) => service.onSecure(socket);
  service.terminators = {
    https,
    // Which protocol the bytes are nobody knows here, so none is chosen among several.
    tls: terminatorOf(wanted.tls, { onSecure }),
    tlsOneProtocol: terminatorOf(wanted.tls, { onSecure, protocols: 'offered' }),
  };
  port.serve(service.accept);
}

interface TerminatorHooks {
  readonly protocols?: TlsTerminatorOptions['protocols'];
  onSecure(socket: tls.TLSSocket): void;
}

/** Contexts are compared by identity: an unchanged certificate has an unchanged context. */
export function isSameTls(a: PortTls, b: PortTls): boolean {
  return a.readsHello === b.readsHello && isSame(a.https, b.https) && isSame(a.tls, b.tls);
}

function isSame(a: Certificates, b: Certificates): boolean {
  if (a.length !== b.length) return false;
  return a.every((listener, i) => {
    const other = b[i]!;
    return (
      listener.hostname === other.hostname &&
      listener.certificates.length === other.certificates.length &&
      listener.certificates.every(({ context }, j) => context === other.certificates[j]!.context)
    );
  });
}
