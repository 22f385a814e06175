import { BackupError } from '@holdfast/core'

/** A signal that is aborted when the operator or the system asks the program to end. */
export interface StopSignal extends Disposable {
  readonly signal: AbortSignal
}

const asked = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Watches for SIGINT, SIGTERM and SIGHUP: the first aborts so that everything is released, the second ends at once. */
export function stopSignal(host: NodeJS.Process): StopSignal {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) host.exit(1)
    controller.abort(
      new BackupError('E_ABORTED', `Stopped by ${name}.`, {
        hint: 'Nothing half done is visible; the next run takes up what was already stored.',
      }),
    )
  }
  for (const name of asked) host.on(name, onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of asked) host.off(name, onSignal)
    },
  }
}
