import { expect, test } from 'vitest'
import { judge, type SpeedBar } from '../bars.ts'
import type { JobResult, Round } from '../measure/run-job.ts'

const bar: SpeedBar = {
  kind: 'speed',
  job: 'full',
  ours: 'holdfast',
  peer: 'restic',
  atLeast: 2,
  moonshot: 3,
  storedAtMost: 1.05,
}

function round(wallSeconds: number, storedBytes: number, peakBytes = 100): Round {
  return { wallSeconds, userSeconds: 1, systemSeconds: 1, peakBytes, storedBytes }
}

function job(ours: Round[], peer: Round[]): JobResult {
  const contestants = [
    { label: 'holdfast', settings: '', rounds: ours },
    { label: 'restic', settings: '', rounds: peer },
  ]
  return { id: 'full', title: '', inputs: '', contestants }
}

test.for([
  { ours: 5.1, repository: 100, verdict: 'missed' },
  { ours: 5, repository: 100, verdict: 'met' },
  { ours: 5, repository: 105, verdict: 'met' },
  { ours: 3.3, repository: 100, verdict: 'moonshot' },
  { ours: 3.3, repository: 106, verdict: 'missed' },
])('10 s and 100 bytes against $ours s and $repository bytes is $verdict', ({ ours, repository, verdict }) => {
  expect(judge(bar, [job([round(ours, repository)], [round(10, 100)])]).verdict).toBe(verdict)
})

test('the ratio is that of the medians', () => {
  const result = judge(bar, [job([round(1, 1), round(4, 1), round(90, 1)], [round(8, 1), round(8, 1), round(100, 1)])])
  expect(result.ratio).toBe(2)
})

test('a bar whose repository size is unknown is missed, not met', () => {
  const { storedBytes: _, ...withoutSize } = round(1, 1)
  expect(judge(bar, [job([withoutSize], [round(10, 100)])]).verdict).toBe('missed')
})

test('a bar is not measured when one of the two did not run', () => {
  expect(judge(bar, []).verdict).toBe('not measured')
})

test("memory is the highest of all rounds of Holdfast's, and no peer's", () => {
  const result = judge({ kind: 'memory', atMostBytes: 300, moonshotBytes: 150 }, [
    job([round(1, 1, 120), round(1, 1, 301), round(1, 1, 110)], [round(1, 1, 9000)]),
  ])
  expect(result).toMatchObject({ verdict: 'missed', peak: { bytes: 301, job: 'full', label: 'holdfast' } })
})

test('memory of some jobs is theirs alone', () => {
  const converted = { ...job([round(1, 1, 200)], []), id: 'convert-raw-to-vhd' }
  const results = [job([round(1, 1, 290)], []), converted]
  expect(judge({ kind: 'memory', jobs: 'convert-', atMostBytes: 250, moonshotBytes: 100 }, results)).toMatchObject({
    verdict: 'met',
    peak: { bytes: 200 },
  })
})

test('memory of jobs that measure another program is left out', () => {
  const booted = { ...job([round(1, 1, 900)], []), id: 'boot-disk' }
  const results = [job([round(1, 1, 290)], []), booted]
  const memory = { kind: 'memory', exceptJobs: ['boot-'], atMostBytes: 300, moonshotBytes: 100 } as const
  expect(judge(memory, results)).toMatchObject({ verdict: 'met', peak: { bytes: 290 } })
})
