/** How a proxy of another process introduces itself, before ToProxy and FromProxy messages. Types and one number. */

/** Raised when messages change their meaning, so that a proxy and a controller of different releases notice. */
export const channelProtocol = 2;

/** The first line each side sends. */
export interface Hello {
  readonly type: 'hello';
  readonly protocol: number;
  /** Of the program, for messages to people. */
  readonly version: string;
}
