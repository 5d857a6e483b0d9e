/**
 * What is to be done once a turn of the event loop has read all that there was: writes, which then leave one after the other
 * instead of each between two reads. One immediate serves all who ask.
 */

export interface AtTurnEnd {
  onTurnEnd(): void;
}

let waiting: AtTurnEnd[] = [];

/** To be asked for once a turn: who asks twice is called twice. What is asked for meanwhile belongs to the next turn. */
export function atTurnEnd(task: AtTurnEnd): void {
  if (waiting.push(task) === 1) setImmediate(run);
}

function run(): void {
  const tasks = waiting;
  waiting = [];
  for (let i = 0; i < tasks.length; i++) tasks[i]!.onTurnEnd();
}
