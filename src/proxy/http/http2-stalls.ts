/** Finds what does not move: peers that begin and do not go on, streams whose data nobody takes or sends. Acts through the connection. */
import { ErrorCode } from './frame.ts';
import type { KeepAliveLimits } from './http2-keep-alive.ts';
import type { Http2Sender } from './http2-sender.ts';
import type { PeerSettings } from './http2-settings.ts';
import type { Http2Stream } from './http2-stream.ts';

export interface StallLimits {
  readonly headTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
}

/** The connection, as seen here. */
export interface StallHost {
  readonly isServer: boolean;
  readonly limits: StallLimits;
  readonly openedAt: number;
  readonly sender: Http2Sender;
  readonly streams: ReadonlyMap<number, Http2Stream>;
  readonly peer: PeerSettings;
  failStream(stream: Http2Stream, code: number, reason: string): void;
}

const SWEEP_MS = 1000;
/** Less than this in all the time is no progress: a window of one byte is as good as a closed one. */
const MIN_PROGRESS_BYTES = 1024;

/** How often a connection looks after its time-outs: each second, or oftener where they are short. */
export function sweepMsOf(limits: StallLimits & KeepAliveLimits, idleTimeoutMs: number): number {
  const { headTimeoutMs, bodyIdleTimeoutMs, http2PingTimeoutMs } = limits;
  return Math.min(SWEEP_MS, headTimeoutMs / 2, bodyIdleTimeoutMs / 2, http2PingTimeoutMs / 2, idleTimeoutMs / 2);
}

/** Resets the streams that are stalled; returns why the whole connection must end, or null. To be called often. */
export function findStall(host: StallHost, now: number, partialSince: number): string | null {
  const { headTimeoutMs, bodyIdleTimeoutMs } = host.limits;
  if (headTimeoutMs > 0) {
    if (partialSince > 0 && now - partialSince >= headTimeoutMs) return 'FrameTimeout';
    if (!host.peer.isKnown && now - host.openedAt >= headTimeoutMs) return 'SettingsTimeout';
  }
  if (bodyIdleTimeoutMs === 0) return null;
  if (host.sender.output.isStalled(now, bodyIdleTimeoutMs)) return 'WriteTimeout';
  for (const stream of host.streams.values()) {
    if (isMoving(stream, host.isServer)) {
      stream.markedAt = now;
      stream.markedSent = stream.sentBytes;
      stream.markedReceived = stream.receivedBytes;
    } else if (now - stream.markedAt >= bodyIdleTimeoutMs) host.failStream(stream, ErrorCode.cancel, 'StreamTimeout');
  }
  return null;
}

/** Since the stream was last marked; also where nothing is to be expected. */
function isMoving(stream: Http2Stream, isServer: boolean): boolean {
  if (stream.pending !== null) return stream.sentBytes - stream.markedSent >= MIN_PROGRESS_BYTES;
  // A body that does not come; but once the answer has begun, both ways may be silent for as long as they like (gRPC streams).
  if (!isServer || stream.isRemoteEnded || stream.isPaused || stream.isTunnel || stream.hasSentHead) return true;
  return stream.receivedBytes !== stream.markedReceived;
}
