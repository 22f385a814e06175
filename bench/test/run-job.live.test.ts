import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished } from 'vitest'
import type { Contestant } from '../contestants/contestant.ts'
import { runJob } from '../measure/run-job.ts'
import { measuredTest } from './gnu-time.ts'

measuredTest('what contestants hold is let go of, also when a command fails', async () => {
  const gone: string[] = []
  const contestant = (label: string, program: string): Contestant => ({
    label,
    settings: '',
    setUp: async () => [],
    prepare: async () => ({ program, args: [] }),
    inspect: async () => ({}),
    tearDown: async () => {
      gone.push(label)
    },
  })
  const job = {
    id: 'job',
    title: '',
    contestants: async () => [contestant('good', 'true'), contestant('bad', 'false')],
  }
  const options = { rounds: 1, workFolder: tempFolder(onTestFinished).path, admits: () => true, onRound: () => {} }
  await expect(runJob(job, options)).rejects.toThrow(/exit code 1/)
  expect(gone).toEqual(['good', 'bad'])
})
