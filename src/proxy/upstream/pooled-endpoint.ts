/** One endpoint of a backend with its connections, its load and its health. Knows nothing of balancing and of HTTP. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { ClientCertificate, ProxyProtocolVersion } from '../../contract/gateway-config.ts';
import type { ConnectionInfo, Pool, ResponseSink, Upstream, UpstreamRequest } from '../http/streams.ts';
import { type ConnectionEnds, proxyHeader } from '../listeners/proxy-protocol.ts';
import type { EndpointRuntime } from '../runtime.ts';
import type { Candidate } from './balancers/balancer.ts';
import { hashText } from './hash.ts';
import { Outlier } from './outlier.ts';

/** Envoy's default for requests that wait for a connection. */
const MAX_PENDING = 1024;

/** More Gateways than this with a client certificate of their own before one backend make connections anew. */
const MAX_CERTIFICATES = 16;

/** More clients than this at a time, of a backend that is told who they are, cannot keep connections for their next request. */
const MAX_CLIENTS = 1024;

/** What connections of a pool are for, if not for everybody. */
export interface PoolPurpose {
  readonly clientCertificate?: ClientCertificate;
  /** Sent first. */
  readonly preface?: Buffer;
}

/** What an endpoint needs of its backend. */
export interface EndpointOwner {
  createPool(endpoint: Endpoint, purpose?: PoolPurpose): Pool;
  /** Whether its connections begin with a PROXY header. */
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
  /** Whether its connections can show a client certificate. */
  readonly isTls: boolean;
  onOpen(): void;
  onDone(): void;
  /** It has failed so often that it should be left out. */
  onOutlier(endpoint: PooledEndpoint): void;
}

/** `address:port`, IPv6 in brackets. */
export function nameOf(endpoint: Endpoint): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export class PooledEndpoint implements EndpointRuntime, Candidate {
  readonly name: string;
  readonly hash: number;
  /** The newest conditions; address and port never change. */
  endpoint: Endpoint;
  active = 0;
  readonly outlier = new Outlier();
  readonly #owner: EndpointOwner;
  #pool: Pool | null = null;
  /** Connections that are never lent to others: by the client certificate that they show, and the client that they name. */
  readonly #special = new Map<string, Pool>();

  constructor(endpoint: Endpoint, owner: EndpointOwner) {
    this.name = nameOf(endpoint);
    this.hash = hashText(this.name);
    this.endpoint = endpoint;
    this.#owner = owner;
  }

  get isOverflowing(): boolean {
    const pending = this.#pool?.pending;
    return pending !== undefined && pending >= MAX_PENDING;
  }

  open(request: UpstreamRequest, sink: ResponseSink): Upstream {
    const upstream = this.#poolFor(request).open(request, sink);
    this.begin();
    return upstream;
  }

  begin(): void {
    this.active++;
    this.#owner.onOpen();
  }

  done(isSuccess: boolean | undefined): void {
    this.active--;
    this.#owner.onDone();
    if (isSuccess === true) this.outlier.onSuccess();
    else if (isSuccess === false && this.outlier.onFailure()) this.#owner.onOutlier(this);
  }

  /** Idle connections close now, busy ones when they are done. */
  close(): void {
    this.#pool?.close();
    this.#pool = null;
    for (const pool of this.#special.values()) pool.close();
    this.#special.clear();
  }

  /** Made when first needed, also for an exchange of an old snapshot that comes after `close`. */
  #poolFor(request: UpstreamRequest): Pool {
    const clientCertificate = this.#owner.isTls ? request.clientCertificate : undefined;
    const version = this.#owner.proxyProtocol;
    if (clientCertificate === undefined && version === undefined) {
      return (this.#pool ??= this.#owner.createPool(this.endpoint));
    }
    const ends = version === undefined ? null : endsOf(request.connection);
    const name = `${clientCertificate?.certificate}${clientCertificate?.key} ${ends?.client.address} ${ends?.client.port}`;
    let pool = this.#special.get(name);
    if (pool === undefined) {
      this.#closeOldest(version === undefined ? MAX_CERTIFICATES : MAX_CLIENTS);
      pool = this.#owner.createPool(this.endpoint, {
        ...(clientCertificate && { clientCertificate }),
        ...(version && { preface: proxyHeader(version, ends) }),
      });
      this.#special.set(name, pool);
    }
    return pool;
  }

  /** Certificates are renewed and clients go, and nobody says that the old one is gone. */
  #closeOldest(max: number): void {
    const oldest = this.#special.entries().next().value;
    if (oldest === undefined || this.#special.size < max) return;
    this.#special.delete(oldest[0]);
    oldest[1].close();
  }
}

/** Null: the request is our own. */
function endsOf(connection: ConnectionInfo | undefined): ConnectionEnds | null {
  if (connection === undefined) return null;
  const { remoteAddress, remotePort, localAddress, localPort } = connection;
  return {
    client: { address: remoteAddress, port: remotePort },
    server: { address: localAddress, port: localPort },
  };
}
