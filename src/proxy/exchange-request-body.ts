/**
 * The request's body on its way from the client: through the filter that changes it, to the mirrors and the backend, and kept
 * while there is no backend yet or a further try may need it. Decides nothing about tries, and knows neither sockets nor versions.
 */
import type { RequestTransform } from '../contract/exchange.ts';
import type { ExchangeRun } from './exchange.ts';
import { HeldBody } from './exchange-held-body.ts';
import { bufferOf } from './exchange-transforms.ts';
import type { FieldList } from './http/fields.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN } from './http/streams.ts';

/** A body up to this size is kept for a further try; what is sent beyond it makes the request unrepeatable. */
const MAX_HELD_BYTES = 64 * 1024;

/** As `Exchange.transformRequest`. */
export function transformRequest(run: ExchangeRun, transform: RequestTransform): void {
  if (run.requestTransform !== null) throw new Error('a filter changes the body of this request already');
  if (run.bodyLength === BODY_NONE || run.bodyLength === BODY_TUNNEL) return;
  run.requestTransform = transform;
  run.bodyLength = BODY_UNKNOWN;
  const early = run.held;
  run.held = null;
  if (early !== null) passTransformed(run, transform.onData(early.whole()));
  if (run.isRequestEnded) passTransformed(run, transform.onEnd());
}

/** Stops the client until the backend takes more. */
export function pauseRequest(run: ExchangeRun): void {
  if (run.isRequestPaused || run.isRequestEnded) return;
  if (run.waits !== null && run.waits.readsBody) return;
  run.isRequestPaused = true;
  run.downstream.pauseRequest();
}

export function resumeRequest(run: ExchangeRun): void {
  if (!run.isRequestPaused) return;
  run.isRequestPaused = false;
  if (run.isOver || run.responseState === 'ended') return;
  run.downstream.resumeRequest();
}

/** Bytes as the backend is to get them. */
// oxlint-disable-next-line max-params -- as the codecs' interface, of an exchange
export function passBody(run: ExchangeRun, buffer: Buffer, start: number, end: number): void {
  if (run.mirrors !== null) run.mirrors.sendData(buffer, start, end);
  const { upstream } = run;
  if (upstream === null || run.keepsBody) holderOf(run, end - start)?.add(buffer, start, end);
  if (upstream === null) {
    if (run.waits !== null) run.waits.onBytes(run.held!.bytes);
    pauseRequest(run);
    return;
  }
  if (!upstream.sendData(buffer, start, end)) pauseRequest(run);
  run.flushSoon();
}

/** What a filter made of the body; null: it is not valid. */
export function passTransformed(run: ExchangeRun, bytes: Uint8Array | null): void {
  if (run.isOver) return;
  if (bytes === null) run.steps.onBadBody(run);
  else if (bytes.length > 0) passBody(run, bufferOf(bytes), 0, bytes.length);
}

/** The client has sent all of it. */
export function endBody(run: ExchangeRun, trailers: FieldList | null): void {
  if (run.requestTransform !== null) {
    passTransformed(run, run.requestTransform.onEnd());
    if (run.isOver) return;
  }
  run.isRequestEnded = true;
  run.isRequestPaused = false;
  run.requestTrailers = trailers;
  if (run.waits !== null) run.waits.onBodyEnd(run.held === null ? new Uint8Array() : run.held.whole());
  if (run.mirrors !== null) run.mirrors.sendEnd();
  if (run.upstream !== null) run.upstream.sendEnd(trailers);
}

/** To the backend of a new try: what came before there was somebody to take it, or again what an earlier try was sent. */
export function sendHeldBody(run: ExchangeRun): void {
  const upstream = run.upstream!;
  let takesMore = true;
  if (run.held !== null) {
    takesMore = run.held.sendTo(upstream);
    if (!run.keepsBody) run.held = null;
  }
  if (run.isRequestEnded) {
    upstream.sendEnd(run.requestTrailers);
    return;
  }
  run.flushSoon();
  if (takesMore) resumeRequest(run);
  else pauseRequest(run);
}

/** What was sent so far, to the backend and the mirrors. */
export function flushRequest(run: ExchangeRun): void {
  // An end has flushed what came before it.
  if (run.isRequestEnded) return;
  if (run.upstream?.flush() === false) pauseRequest(run);
  run.mirrors?.flush();
}

/** Where so many more bytes are kept. Without a backend all must be (the client is paused); with one, no more than a repetition is worth. */
function holderOf(run: ExchangeRun, bytes: number): HeldBody | null {
  const { held } = run;
  if (run.upstream !== null && (held === null ? 0 : held.bytes) + bytes > MAX_HELD_BYTES) {
    run.keepsBody = false;
    run.held = null;
    return null;
  }
  return (run.held ??= new HeldBody());
}
