/** One endpoint of a backend with its connections, its load and its health. Knows nothing of balancing and of HTTP. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { ClientCertificate } from '../../contract/gateway-config.ts';
import type { Pool, ResponseSink, Upstream, UpstreamRequest } from '../http/streams.ts';
import type { EndpointRuntime } from '../runtime.ts';
import type { Candidate } from './balancers/balancer.ts';
import { hashText } from './hash.ts';
import { Outlier } from './outlier.ts';

/** Envoy's default for requests that wait for a connection. */
const MAX_PENDING = 1024;

/** More Gateways than this with a client certificate of their own before one backend make connections anew. */
const MAX_CERTIFICATES = 16;

/** What an endpoint needs of its backend. */
export interface EndpointOwner {
  createPool(endpoint: Endpoint, clientCertificate?: ClientCertificate): Pool;
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
  /** Connections that show a client certificate, by its text: they are never lent to requests of another Gateway. */
  readonly #certified = new Map<string, Pool>();

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
    const upstream = this.#poolFor(request.clientCertificate).open(request, sink);
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
    for (const pool of this.#certified.values()) pool.close();
    this.#certified.clear();
  }

  /** Made when first needed, also for an exchange of an old snapshot that comes after `close`. */
  #poolFor(clientCertificate: ClientCertificate | undefined): Pool {
    if (clientCertificate === undefined || !this.#owner.isTls) {
      return (this.#pool ??= this.#owner.createPool(this.endpoint));
    }
    const name = `${clientCertificate.certificate}${clientCertificate.key}`;
    let pool = this.#certified.get(name);
    if (pool === undefined) {
      this.#closeOldest();
      pool = this.#owner.createPool(this.endpoint, clientCertificate);
      this.#certified.set(name, pool);
    }
    return pool;
  }

  /** Certificates are renewed, and nobody says that the old one is gone. */
  #closeOldest(): void {
    const oldest = this.#certified.entries().next().value;
    if (oldest === undefined || this.#certified.size < MAX_CERTIFICATES) return;
    this.#certified.delete(oldest[0]);
    oldest[1].close();
  }
}
