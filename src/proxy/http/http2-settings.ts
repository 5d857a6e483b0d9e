/** Settings of both sides (RFC 9113 §6.5): what we announce, and what a peer's frame changes. Knows no connection. */
import type { Limits } from '../limits.ts';
import { ErrorCode, MAX_FRAME_BYTES, MAX_WINDOW, Setting } from './frame.ts';
import { firstWindow } from './http2-inflow.ts';

const SETTING_BYTES = 6;
/** A frame with more is no honest one. */
const MAX_SETTINGS = 32;
const MAX_FRAME_SIZE_SETTING = 16_777_215;

export class PeerSettings {
  /** A SETTINGS frame has come. */
  isKnown = false;
  /** As the peer said; until then what everybody allows. */
  maxConcurrentStreams = 100;
  takesExtendedConnect = false;
  /** -1: unchanged by the last frame. */
  initialWindow = -1;
  tableBytes = -1;

  /** Returns the code of a connection error, or 0. */
  // oxlint-disable-next-line max-params -- a range, and who sent it
  read(buffer: Buffer, start: number, length: number, from: 'server' | 'client'): number {
    if (length % SETTING_BYTES !== 0) return ErrorCode.frameSizeError;
    if (length > MAX_SETTINGS * SETTING_BYTES) return ErrorCode.enhanceYourCalm;
    if (!this.isKnown && from === 'server') this.maxConcurrentStreams = MAX_WINDOW;
    this.isKnown = true;
    this.initialWindow = -1;
    this.tableBytes = -1;
    for (let at = start; at < start + length; at += SETTING_BYTES) {
      const code = this.#apply(buffer.readUInt16BE(at), buffer.readUInt32BE(at + 2), from);
      if (code !== ErrorCode.noError) return code;
    }
    return ErrorCode.noError;
  }

  #apply(id: number, value: number, from: 'server' | 'client'): number {
    switch (id) {
      case Setting.headerTableSize:
        // A smaller size in between must be told too (RFC 7541 §4.2); the least is safe in any case.
        this.tableBytes = this.tableBytes < 0 ? value : Math.min(this.tableBytes, value);
        break;
      case Setting.enablePush:
        if (value > 1 || (value === 1 && from === 'server')) return ErrorCode.protocolError;
        break;
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > MAX_WINDOW) return ErrorCode.flowControlError;
        this.initialWindow = value;
        break;
      case Setting.maxFrameSize:
        if (value < MAX_FRAME_BYTES || value > MAX_FRAME_SIZE_SETTING) return ErrorCode.protocolError;
        break;
      case Setting.enableConnectProtocol:
        if (value > 1) return ErrorCode.protocolError;
        this.takesExtendedConnect = value === 1;
        break;
      default:
    }
    return ErrorCode.noError;
  }
}

export function ownSettings(role: 'server' | 'client', limits: Limits): readonly (readonly [number, number])[] {
  const window = [Setting.initialWindowSize, firstWindow(role, limits)] as const;
  const list = [Setting.maxHeaderListSize, limits.headBytes] as const;
  if (role === 'client') return [[Setting.enablePush, 0], window, list];
  return [[Setting.maxConcurrentStreams, limits.http2Streams], window, list, [Setting.enableConnectProtocol, 1]];
}
