import { expect, test } from 'vitest'
import { judge, type RateBar } from '../bars.ts'
import type { JobResult, Round } from '../measure/run-job.ts'
import { renderJob } from '../report/report.ts'

const bar: RateBar = {
  kind: 'rate',
  job: 'tape-copy',
  ours: 'holdfast',
  peerJob: 'tape-write',
  peer: 'probe',
  atLeast: 0.7,
  moonshot: 0.9,
}

const times = { userSeconds: 1, systemSeconds: 1, peakBytes: 100 }

/** A round that says itself how long the tape was busy. */
function moved(tapeBytes: number, tapeSeconds: number): Round {
  return { ...times, wallSeconds: 1000, tapeBytes, tapeSeconds }
}

function job(id: string, contestants: Readonly<Record<string, readonly Round[]>>): JobResult {
  const list = Object.entries(contestants).map(([label, rounds]) => ({ label, settings: '', rounds }))
  return { id, title: '', inputs: '', contestants: list }
}

test.for([
  { ours: 69, verdict: 'missed' },
  { ours: 70, verdict: 'met' },
  { ours: 90, verdict: 'moonshot' },
])('$ours bytes a second against 100 of another job is $verdict', ({ ours, verdict }) => {
  const results = [job('tape-copy', { holdfast: [moved(ours, 1)] }), job('tape-write', { probe: [moved(200, 2)] })]
  expect(judge(bar, results)).toMatchObject({ verdict, ratio: ours / 100 })
})

test('a rate is the median of those of the rounds, and the wall time counts where the program tells no other', () => {
  const rounds = [10, 20, 400].map((wallSeconds) => ({ ...times, wallSeconds, tapeBytes: 1000, machineBytes: 4000 }))
  const results = [job('tape-copy', { holdfast: rounds }), job('tape-write', { probe: [moved(50, 1)] })]
  expect(judge(bar, results)).toMatchObject({ verdict: 'moonshot', ratio: 1 })
})

test('bytes of the machine do not count for a bar, however many they are', () => {
  const round = { ...times, wallSeconds: 1, tapeBytes: 10, machineBytes: 4000 }
  const results = [job('tape-copy', { holdfast: [round] }), job('tape-write', { probe: [moved(100, 1)] })]
  expect(judge(bar, results)).toMatchObject({ verdict: 'missed', ratio: 0.1 })
})

test.for([
  { why: 'the other job did not run', others: [] },
  { why: 'the other job has no rate', others: [job('tape-write', { probe: [{ ...times, wallSeconds: 1 }] })] },
])('a bar is not measured when $why', ({ others }) => {
  expect(judge(bar, [job('tape-copy', { holdfast: [moved(1, 1)] }), ...others]).verdict).toBe('not measured')
})

test('a table of tapes compares rates, not times, and has no column that is empty', () => {
  const mib = 2 ** 20
  const table = renderJob(
    job('tape-write', { holdfast: [moved(400 * mib, 2)], probe: [{ ...moved(500 * mib, 1), wallSeconds: 1 }] }),
  )
  const [, headings = '', , ours = '', theirs = ''] = table.split('\n')
  expect(headings.trim().split(/ {2,}/)).toEqual([
    ...['wall s', 'min', 'max', 'cpu s', 'peak MiB'],
    ...['tape MiB/s', 'holdfast is'],
  ])
  expect(ours.split(/ {2,}/).slice(-2)).toEqual(['200', '-'])
  expect(theirs.split(/ {2,}/).slice(-2)).toEqual(['500', '0.40x'])
})
