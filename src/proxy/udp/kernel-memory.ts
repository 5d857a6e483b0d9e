/**
 * The memory that the kernel reads and writes when datagrams are carried: made once, never freed while anybody has it, so that
 * no pointer is ever stale. Knows the layout of Linux's structures on 64-bit machines, and nothing of sockets.
 */
import type { Client, Datagram } from './datagram-io.ts';
import { kernel, type KernelCalls } from './kernel-calls.ts';

/** Datagrams that one call may bring. */
export const SLOTS = 32;
/** Descriptors that one wait may bring. */
export const EVENTS = 64;
/** No UDP datagram over IP is larger. */
const DATA_BYTES = 65_536;

/** `struct mmsghdr`; `msg_len` is its last field. */
const HEADER_BYTES = 64;
/** `struct iovec` */
const VECTOR_BYTES = 16;
/** `struct sockaddr_in6` is 28. */
const NAME_BYTES = 32;
const NAME_LENGTH = 28;
/** `struct epoll_event` is packed on x64 only. */
const [EVENT_BYTES, EVENT_DATA] = process.arch === 'x64' ? [12, 4] : [16, 8];

// One header more than slots: that one sends.
const VECTORS = (SLOTS + 1) * HEADER_BYTES;
const NAMES = VECTORS + (SLOTS + 1) * VECTOR_BYTES;
const EVENTS_AT = NAMES + (SLOTS + 1) * NAME_BYTES;
const SCRATCH = EVENTS_AT + EVENTS * 16;
const SCRATCH_BYTES = 64;
const DATA = SCRATCH + SCRATCH_BYTES;
const SEND_HEADER = SLOTS * HEADER_BYTES;
const SEND_VECTOR = VECTORS + SLOTS * VECTOR_BYTES;
const SEND_NAME = NAMES + SLOTS * NAME_BYTES;

export class KernelMemory {
  readonly slots: readonly Slot[];
  /** Of SLOTS headers. */
  readonly headers: bigint;
  readonly sendHeader: bigint;
  readonly events: bigint;
  readonly scratch: bigint;
  readonly #calls: KernelCalls;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;
  readonly #bytes: Buffer;
  /** Slots whose headers the kernel has written to. */
  #used = 0;

  constructor(calls: KernelCalls) {
    const memory = new ArrayBuffer(DATA + SLOTS * DATA_BYTES);
    this.#calls = calls;
    this.#u16 = new Uint16Array(memory);
    this.#u32 = new Uint32Array(memory);
    this.#u64 = new BigUint64Array(memory);
    this.#bytes = Buffer.from(memory);
    this.headers = calls.pointerTo(memory);
    this.sendHeader = this.#at(SEND_HEADER);
    this.events = this.#at(EVENTS_AT);
    this.scratch = this.#at(SCRATCH);
    for (let i = 0; i <= SLOTS; i++) this.#layOut(i);
    this.slots = Array.from({ length: SLOTS }, (_, i) => new Slot(this, i, this.#at(DATA + i * DATA_BYTES)));
  }

  /** Before each reception: the headers as they were made. */
  reset(): void {
    for (let i = 0; i < this.#used; i++) this.#u32[(i * HEADER_BYTES + 8) >> 2] = NAME_LENGTH;
    this.#used = 0;
  }

  /** After one that brought so many. */
  received(count: number): void {
    this.#used = count;
    for (let i = 0; i < count; i++) this.slots[i]!.length = this.#u32[(i * HEADER_BYTES + 56) >> 2]!;
  }

  /** Puts a datagram into the header that sends. */
  prepare({ data, length }: Slot): void {
    this.#u64[SEND_VECTOR >> 3] = data;
    this.#u32[(SEND_VECTOR + 8) >> 2] = length;
    this.#u32[(SEND_HEADER + 8) >> 2] = 0;
  }

  prepareName(name: Uint32Array): void {
    this.#u32.set(name, SEND_NAME >> 2);
    this.#u32[(SEND_HEADER + 8) >> 2] = NAME_LENGTH;
  }

  /** Makes the header that sends one that receives nothing: what it receives is thrown away. */
  prepareDiscard(): void {
    this.#u32[(SEND_VECTOR + 8) >> 2] = 0;
    this.#u32[(SEND_HEADER + 8) >> 2] = 0;
  }

  /** An event in scratch, for `epoll_ctl`. */
  prepareEvent(fd: number): void {
    this.#bytes.writeUInt32LE(kernel.EPOLLIN, SCRATCH);
    this.#bytes.writeUInt32LE(fd, SCRATCH + EVENT_DATA);
    this.#bytes.writeUInt32LE(0, SCRATCH + EVENT_DATA + 4);
  }

  eventFd(i: number): number {
    return this.#u32[(EVENTS_AT + i * EVENT_BYTES + EVENT_DATA) >> 2]!;
  }

  /** Of a `sockaddr`: port and address as a number (IPv4), or port, address and zone as a text. */
  keyOf(slot: number): string | number {
    const at = NAMES + slot * NAME_BYTES;
    const u16 = this.#u16;
    if (u16[at >> 1] === kernel.AF_INET) return this.#u32[(at + 4) >> 2]! * 65_536 + u16[(at + 2) >> 1]!;
    const from = (at + 2) >> 1;
    return String.fromCharCode(u16[from]!, ...u16.subarray(from + 3, from + 13));
  }

  portOf(slot: number): number {
    return this.#bytes.readUInt16BE(NAMES + slot * NAME_BYTES + 2);
  }

  /** As Node writes it, with the interface as the zone of a link-local address. */
  addressOf(slot: number): string {
    const at = NAMES + slot * NAME_BYTES;
    const isIpv4 = this.#u16[at >> 1] === kernel.AF_INET;
    const { inet_ntop: textOf, if_indextoname: nameOf } = this.#calls;
    if (isIpv4) return [...this.#bytes.subarray(at + 4, at + 8)].join('.');
    textOf(kernel.AF_INET6, this.#at(at + 8), this.scratch, SCRATCH_BYTES);
    const address = this.#scratchText();
    const zone = this.#u32[(at + 24) >> 2]!;
    if (zone === 0 || !/^fe[89ab]/.test(address)) return address;
    return `${address}%${nameOf(zone, this.scratch) === 0n ? zone : this.#scratchText()}`;
  }

  nameOf(slot: number): Uint32Array {
    const at = (NAMES + slot * NAME_BYTES) >> 2;
    return this.#u32.slice(at, at + NAME_LENGTH / 4);
  }

  #scratchText(): string {
    return this.#bytes.toString('latin1', SCRATCH, this.#bytes.indexOf(0, SCRATCH));
  }

  #layOut(i: number): void {
    const header = (i * HEADER_BYTES) >> 3;
    const vector = VECTORS + i * VECTOR_BYTES;
    this.#u64[header] = this.#at(NAMES + i * NAME_BYTES);
    this.#u64[header + 1] = BigInt(NAME_LENGTH);
    this.#u64[header + 2] = this.#at(vector);
    this.#u64[header + 3] = 1n;
    this.#u64[vector >> 3] = this.#at(DATA + (i % SLOTS) * DATA_BYTES);
    this.#u64[(vector >> 3) + 1] = BigInt(DATA_BYTES);
  }

  #at(offset: number): bigint {
    return this.headers + BigInt(offset);
  }
}

/** A place for a datagram, with the name of who sent it. */
export class Slot implements Datagram, Client {
  length = 0;
  readonly data: bigint;
  readonly #memory: KernelMemory;
  readonly #index: number;

  constructor(memory: KernelMemory, index: number, data: bigint) {
    this.#memory = memory;
    this.#index = index;
    this.data = data;
  }

  get key(): string | number {
    return this.#memory.keyOf(this.#index);
  }

  get port(): number {
    return this.#memory.portOf(this.#index);
  }

  get address(): string {
    return this.#memory.addressOf(this.#index);
  }

  get replyTo(): Uint32Array {
    return this.#memory.nameOf(this.#index);
  }
}
