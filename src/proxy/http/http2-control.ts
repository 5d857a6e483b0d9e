/** What the frames beside DATA and header blocks mean to a connection (RFC 9113 §6.3–6.9). Functions over what a connection shows them. */
import { ErrorCode, FrameFlag, type FrameHeader, FrameType, MAX_WINDOW, readUint31 } from './frame.ts';
import { type FloodGuard, Glitch } from './http2-flood-guard.ts';
import type { Http2Sender } from './http2-sender.ts';
import type { PeerSettings } from './http2-settings.ts';
import type { Http2Stream } from './http2-stream.ts';

/** The connection, as its control frames see it. */
export interface ControlHost {
  readonly isServer: boolean;
  readonly sender: Http2Sender;
  readonly streams: ReadonlyMap<number, Http2Stream>;
  readonly peer: PeerSettings;
  readonly guard: FloodGuard;
  /** The stream was never opened. */
  isIdle(streamId: number): boolean;
  glitch(cost: number): void;
  fail(code: number, reason: string): void;
  failStream(stream: Http2Stream, code: number, reason: string): void;
  onPeerReset(stream: Http2Stream, code: number): void;
  onPeerSettings(): void;
  onPingAnswer(buffer: Buffer, start: number): void;
  onPeerGoaway(lastId: number, code: number): void;
}

export function readControlFrame(host: ControlHost, header: FrameHeader, buffer: Buffer, start: number): void {
  switch (header.type) {
    case FrameType.priority:
      return readPriority(host, header, buffer, start);
    case FrameType.rstStream:
      return readReset(host, header, buffer, start);
    case FrameType.settings:
      return readSettings(host, header, buffer, start);
    case FrameType.pushPromise:
      // A client may not send it, and we have switched it off for servers.
      return host.fail(ErrorCode.protocolError, 'PushPromise');
    case FrameType.ping:
      return readPing(host, header, buffer, start);
    case FrameType.goaway:
      return readGoaway(host, header, buffer, start);
    case FrameType.windowUpdate:
      return readWindowUpdate(host, header, buffer, start);
    default:
      host.glitch(Glitch.unknownFrame);
  }
}

/** Priorities are obsolete (RFC 9113 §5.3.2): checked and ignored. */
function readPriority(host: ControlHost, { streamId, length }: FrameHeader, buffer: Buffer, start: number): void {
  if (streamId === 0) return host.fail(ErrorCode.protocolError, 'BadPriority');
  if (!host.guard.allowsPriority()) return host.fail(ErrorCode.enhanceYourCalm, 'PriorityFlood');
  const code =
    length !== 5 ? ErrorCode.frameSizeError : readUint31(buffer, start) === streamId ? ErrorCode.protocolError : 0;
  if (code === 0) return;
  const stream = host.streams.get(streamId);
  if (stream !== undefined) host.failStream(stream, code, 'BadPriority');
  else if (host.isIdle(streamId)) host.fail(code, 'BadPriority');
  else {
    host.sender.resetStream(streamId, code);
    host.glitch(Glitch.streamError);
  }
}

function readReset(host: ControlHost, { streamId, length }: FrameHeader, buffer: Buffer, start: number): void {
  if (length !== 4) return host.fail(ErrorCode.frameSizeError, 'BadReset');
  if (streamId === 0 || host.isIdle(streamId)) return host.fail(ErrorCode.protocolError, 'BadReset');
  const stream = host.streams.get(streamId);
  // It crossed with the end of the stream.
  if (stream === undefined) return host.glitch(Glitch.unknownFrame);
  host.onPeerReset(stream, buffer.readUInt32BE(start));
  // A backend can only reset what we have asked for.
  if (host.isServer) host.glitch(Glitch.reset);
}

function readSettings(host: ControlHost, header: FrameHeader, buffer: Buffer, start: number): void {
  const { peer, sender } = host;
  if (header.streamId !== 0) return host.fail(ErrorCode.protocolError, 'BadSettings');
  if ((header.flags & FrameFlag.ack) !== 0) {
    if (header.length !== 0) host.fail(ErrorCode.frameSizeError, 'BadSettings');
    else if (!peer.isKnown) host.fail(ErrorCode.protocolError, 'NoSettings');
    else host.glitch(Glitch.settings);
    return;
  }
  const wasKnown = peer.isKnown;
  const code = peer.read(buffer, start, header.length, host.isServer ? 'client' : 'server');
  if (code !== ErrorCode.noError) return host.fail(code, 'BadSettings');
  if (peer.tableBytes >= 0) sender.encoder.setMaxTableBytes(peer.tableBytes);
  if (peer.initialWindow >= 0 && !sender.setInitialWindow(peer.initialWindow, host.streams.values())) {
    return host.fail(ErrorCode.flowControlError, 'WindowOverflow');
  }
  sender.acknowledgeSettings();
  if (wasKnown) host.glitch(Glitch.settings);
  host.onPeerSettings();
  sender.pump();
}

function readPing(host: ControlHost, header: FrameHeader, buffer: Buffer, start: number): void {
  if (header.streamId !== 0) return host.fail(ErrorCode.protocolError, 'BadPing');
  if (header.length !== 8) return host.fail(ErrorCode.frameSizeError, 'BadPing');
  if ((header.flags & FrameFlag.ack) !== 0) {
    host.onPingAnswer(buffer, start);
  } else host.sender.ping(FrameFlag.ack, buffer, start);
  host.glitch(Glitch.ping);
}

function readGoaway(host: ControlHost, { streamId, length }: FrameHeader, buffer: Buffer, start: number): void {
  if (streamId !== 0) return host.fail(ErrorCode.protocolError, 'BadGoaway');
  if (length < 8) return host.fail(ErrorCode.frameSizeError, 'BadGoaway');
  host.onPeerGoaway(readUint31(buffer, start), buffer.readUInt32BE(start + 4));
  host.glitch(Glitch.settings);
}

function readWindowUpdate(host: ControlHost, { streamId, length }: FrameHeader, buffer: Buffer, start: number): void {
  const { sender } = host;
  if (length !== 4) return host.fail(ErrorCode.frameSizeError, 'BadWindowUpdate');
  if (!host.guard.allowsWindowUpdate(sender.dataFrames))
    return host.fail(ErrorCode.enhanceYourCalm, 'WindowUpdateFlood');
  const increment = readUint31(buffer, start);
  if (streamId === 0) {
    if (increment === 0) return host.fail(ErrorCode.protocolError, 'BadWindowUpdate');
    sender.window += increment;
    if (sender.window > MAX_WINDOW) return host.fail(ErrorCode.flowControlError, 'WindowOverflow');
  } else {
    if (host.isIdle(streamId)) return host.fail(ErrorCode.protocolError, 'BadWindowUpdate');
    const stream = host.streams.get(streamId);
    // One that has just closed: its peer may not know yet.
    if (stream === undefined) return;
    if (increment === 0) return host.failStream(stream, ErrorCode.protocolError, 'BadWindowUpdate');
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) return host.failStream(stream, ErrorCode.flowControlError, 'WindowOverflow');
  }
  sender.pump();
}
