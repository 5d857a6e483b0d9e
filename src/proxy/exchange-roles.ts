/** What one exchange is to the parts that meet in it. Types only: a role that cannot be kept is an error where the exchange is made. */
import type { Exchange, ExchangeMatch, ExchangeRequest } from '../contract/exchange.ts';
import type { AtTurnEnd } from '../lib/turn-end.ts';
import type { FinishedExchange } from './exchange-observer.ts';
import type { RequestSink, ResponseSink, UpstreamRequest } from './http/streams.ts';
import type { MatchInput, PickOptions } from './runtime.ts';

/** What filters see. */
type FilterRoles = Exchange & ExchangeRequest & ExchangeMatch;
/** Where the client's codec delivers the request, and the backend's the response. */
type SinkRoles = RequestSink & ResponseSink & AtTurnEnd;
/** What routing looks at, what balancers choose by, and what pools send. */
type SendingRoles = MatchInput & PickOptions & UpstreamRequest;

export type ExchangeRoles = FilterRoles & SinkRoles & SendingRoles & FinishedExchange;
