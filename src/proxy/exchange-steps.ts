/** The turning points of an exchange, as it calls them: the seam between the object and the decisions of forward-*.ts. Types only. */
import type { CallRequest } from '../contract/exchange.ts';
import type { Key } from '../contract/keys.ts';
import type { ExchangeRun } from './exchange.ts';
import type { FieldList } from './http/fields.ts';
import type { UpstreamError } from './http/streams.ts';
import type { BackendCall } from './upstream/backend-call.ts';

/** What happens at the turning points of an exchange, and what they need. One object for all exchanges of a forwarder. */
export interface ExchangeSteps {
  /** The fields of the head are in the exchange. */
  onResponseHead(run: ExchangeRun): void;
  onResponseEnd(run: ExchangeRun, trailers: FieldList | null): void;
  onUpstreamError(run: ExchangeRun, error: UpstreamError): void;
  onDownstreamClose(run: ExchangeRun, reason: string): void;
  /** A filter cannot read the request's body. */
  onBadBody(run: ExchangeRun): void;
  /** Null: there is no such backend. */
  call(run: ExchangeRun, backend: Key, request: CallRequest): BackendCall | null;
  now(): number;
}

/** Where the response stands. `discarding`: it will be retried once its short body has passed. */
export type ResponseState = 'none' | 'discarding' | 'started' | 'ended';
