/**
 * Access log lines, JSON or text, gathered into batches. Knows what an exchange was, not where the lines go; a batch that
 * is not taken is dropped and counted, never kept.
 */
import type { FinishedExchange } from '../exchange-observer.ts';
import type { RequestNames, RequestSeries } from './request-series.ts';
import { type LoggedTcp, refusedJson, refusedText, tcpJson, tcpText } from './tcp-lines.ts';
import type { RefusedTcp } from '../tcp/tcp-observer.ts';
import { type LoggedSession, sessionJson, sessionText } from './session-lines.ts';

export type AccessLogFormat = 'json' | 'text';

export interface AccessLogOptions {
  readonly format: AccessLogFormat;
  /** Takes a batch of whole lines, or returns false when too much waits already. */
  write(text: string, lines: number): boolean;
  onDropped(lines: number): void;
  /** Wall clock, milliseconds since the epoch. */
  date(): number;
}

/** A request that was refused before it was known what it asks for. Nothing in it is a client's text. */
export interface RejectedRequest {
  /** Empty where it cannot be told. */
  readonly gateway: string;
  readonly listener: string;
  /** The client's address. */
  readonly client: string;
  /** The listener's. */
  readonly port: number;
  readonly isTls: boolean;
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  readonly reason: string;
}

export interface AccessLog {
  addRejected(request: RejectedRequest): void;
  add(exchange: FinishedExchange, series: RequestSeries): void;
  addSession(session: LoggedSession): void;
  addTcp(connection: LoggedTcp): void;
  addRefusedTcp(connection: RefusedTcp): void;
  /** What was gathered goes out now. */
  flush(): void;
}

const BATCH_CHARS = 64 * 1024;
const BATCH_MS = 100;

export function createAccessLog(options: AccessLogOptions): AccessLog {
  const isJson = options.format === 'json';
  const format = isJson ? jsonLine : textLine;
  const formatRejected = isJson ? rejectedJson : rejectedText;
  const formatTcp = isJson ? tcpJson : tcpText;
  const formatRefused = isJson ? refusedJson : refusedText;
  const formatSession = isJson ? sessionJson : sessionText;
  const clock = createClock(options.date);
  let batch = '';
  let lines = 0;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines === 0) return;
    if (!options.write(batch, lines)) options.onDropped(lines);
    batch = '';
    lines = 0;
  }

  function append(line: string): void {
    batch += line;
    lines++;
    if (batch.length >= BATCH_CHARS) flush();
    else timer ??= setTimeout(flush, BATCH_MS).unref();
  }

  return {
    flush,
    add: (exchange, series) => append(format(exchange, series, clock())),
    addSession: (session) => append(formatSession(session, clock())),
    addTcp: (connection) => append(formatTcp(connection, clock())),
    addRefusedTcp: (connection) => append(formatRefused(connection, clock())),
    addRejected: (request) => append(formatRejected(request, clock())),
  };
}

/** ISO 8601 in UTC; the text up to the second is made once a second. */
function createClock(date: () => number): () => string {
  let second = -1;
  let text = '';
  return () => {
    const now = date();
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      text = new Date(current * 1000).toISOString().slice(0, 20);
    }
    return `${text}${String(now - current * 1000).padStart(3, '0')}Z`;
  };
}

function jsonLine(exchange: FinishedExchange, series: RequestSeries, time: string): string {
  const { head } = exchange;
  if (series.logText === '') series.logText = jsonNames(series.names);
  const grpc = exchange.grpcStatus < 0 ? '' : `,"grpcStatus":${exchange.grpcStatus}`;
  return (
    `{"time":"${time}",${series.logText},"endpoint":"${exchange.endpoint?.name ?? ''}","client":"${exchange.connection.remoteAddress}"` +
    `,"method":${quoted(head.method)},"scheme":"${head.scheme}","host":${quoted(exchange.host)},"path":${quoted(head.target)}` +
    `,"version":"${head.version}","status":${exchange.status},"reason":${quoted(exchange.reason)}${grpc}` +
    `,"upstreamError":"${exchange.upstreamError}","retries":${exchange.retries}` +
    `,"requestBytes":${exchange.requestBytes},"responseBytes":${exchange.responseBytes}` +
    `,"durationMs":${rounded(durationOf(exchange))},"responseMs":${rounded(responseTimeOf(exchange))}}\n`
  );
}

function jsonNames(names: RequestNames): string {
  return Object.entries(names)
    .map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
    .join(',');
}

function textLine(exchange: FinishedExchange, series: RequestSeries, time: string): string {
  const { head } = exchange;
  if (series.logText === '') series.logText = textNames(series.names);
  const backend = exchange.endpoint === null ? '' : ` ${exchange.endpoint.name}`;
  const trouble = exchange.reason === '' ? '' : ` ${exchange.reason}`;
  const grpc = exchange.grpcStatus < 0 ? '' : ` grpc-status ${exchange.grpcStatus}`;
  return (
    `${time} ${exchange.connection.remoteAddress} ${head.method} ${head.scheme}://${printable(exchange.host)}${printable(head.target)} ` +
    `${exchange.status}${grpc}${trouble} ${exchange.responseBytes}B ${rounded(durationOf(exchange))}ms ${series.logText}${backend}\n`
  );
}

function rejectedJson(request: RejectedRequest, time: string): string {
  const { gateway, listener, client, port, isTls, status, reason } = request;
  const scheme = isTls ? 'https' : 'http';
  return `${JSON.stringify({ time, gateway, listener, client, port, scheme, status, reason, rejected: true })}\n`;
}

function rejectedText({ gateway, listener, client, port, status, reason }: RejectedRequest, time: string): string {
  return `${time} ${client} rejected ${status} ${printable(reason)} port ${port} ${gateway || '-'}/${listener || '-'}\n`;
}

function textNames({ gateway, listener, route, rule, backend }: RequestNames): string {
  return `${gateway || '-'}/${listener || '-'} ${route || '-'}/${rule || '-'} ${backend || '-'}`;
}

function durationOf(exchange: FinishedExchange): number {
  return exchange.finishedAt - exchange.startedAt;
}

/** To the head of the response; the whole duration where there was none. */
function responseTimeOf(exchange: FinishedExchange): number {
  return (exchange.respondedAt === 0 ? exchange.finishedAt : exchange.respondedAt) - exchange.startedAt;
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const needsEscape = /["\\\x00-\x1f\x7f-\xff]/;

function quoted(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** A client's bytes must not steer a terminal. */
function printable(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}
