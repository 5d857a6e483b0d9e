/** What signals do: the first one asks for an orderly end, the second one ends at once. */

/** Calls `onFirst` at the first SIGTERM or SIGINT; the next one ends the process with the status a shell gives a killed one. */
export function onShutdownSignal(onFirst: (signal: NodeJS.Signals) => void): void {
  let isEnding = false;
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
  ] as const) {
    process.on(signal, () => {
      if (isEnding) process.exit(128 + number);
      isEnding = true;
      onFirst(signal);
    });
  }
}
