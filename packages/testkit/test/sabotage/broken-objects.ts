import type { MachineId, OpenablePlugin } from '@holdfast/core'
import { recordingQuiesce } from '../../src/memory/index.js'
import { environmentOf, twoMachines } from './broken-source.js'
import { gcmTransform } from './broken-transforms.js'
import type { Sabotage } from './sabotage.js'

const machine = { id: 'web-1' as MachineId, name: 'web-1' }

/** Sources whose plugin object is wrong. */
export const brokenSourceObjects: readonly Sabotage<'source'>[] = [
  {
    flaw: 'is not frozen',
    caughtBy: 'source/capabilities/constant',
    because: /plugin object is not frozen/,
    environment: () => {
      const source = twoMachines()
      return { ...environmentOf(source), create: () => ({ ...source }) }
    },
  },
  {
    flaw: 'opens although aborted',
    caughtBy: 'source/sessions/open-aborted',
    because: /although it was aborted/,
    environment: () => {
      const source = twoMachines()
      return { ...environmentOf(source), create: () => Object.freeze({ ...source, open: heedless(source) }) }
    },
  },
]

/** Hooks whose plugin object is wrong. */
export const brokenQuiesceObjects: readonly Sabotage<'quiesce'>[] = [
  {
    flaw: 'lets its capabilities be changed',
    caughtBy: 'quiesce/capabilities/constant',
    because: /capabilities are not frozen/,
    environment: () => {
      const hook = recordingQuiesce()
      return { machine, create: () => Object.freeze({ ...hook, capabilities: { ...hook.capabilities } }) }
    },
  },
  {
    flaw: 'opens although aborted',
    caughtBy: 'quiesce/sessions/open-aborted',
    because: /although it was aborted/,
    environment: () => {
      const hook = recordingQuiesce()
      return { machine, create: () => Object.freeze({ ...hook, open: heedless(hook) }) }
    },
  },
]

/** Transforms whose plugin object is wrong. */
export const brokenTransformObjects: readonly Sabotage<'transform'>[] = [
  {
    flaw: 'has another overhead each time',
    caughtBy: 'transform/capabilities/constant',
    because: /second object/,
    environment: () => {
      let made = 0
      return { create: () => gcmTransform('none', { overheadBytes: 16 + made++ }) }
    },
  },
  {
    flaw: 'was written for another contract',
    caughtBy: 'transform/capabilities/constant',
    because: /contract version 2/,
    environment: () => ({ create: () => Object.freeze({ ...gcmTransform(), apiVersion: 2 as 1 }) }),
  },
]

function heedless<Session>(plugin: OpenablePlugin<string, Session>): OpenablePlugin<string, Session>['open'] {
  return (context) => plugin.open({ ...context, signal: new AbortController().signal })
}
