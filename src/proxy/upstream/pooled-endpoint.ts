/** One endpoint of a backend with its connections, its load and its health. Knows nothing of balancing and of HTTP. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { Pool, ResponseSink, Upstream, UpstreamRequest } from '../http/streams.ts';
import type { EndpointRuntime } from '../runtime.ts';
import type { Candidate } from './balancers/balancer.ts';
import { hashText } from './hash.ts';
import { Outlier } from './outlier.ts';

/** Envoy's default for requests that wait for a connection. */
const MAX_PENDING = 1024;

/** What an endpoint needs of its backend. */
export interface EndpointOwner {
  createPool(endpoint: Endpoint): Pool;
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
    // Made when first needed, also for an exchange of an old snapshot that comes after `close`.
    this.#pool ??= this.#owner.createPool(this.endpoint);
    const upstream = this.#pool.open(request, sink);
    this.active++;
    this.#owner.onOpen();
    return upstream;
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
  }
}
