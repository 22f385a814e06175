import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished } from 'vitest'
import { measure } from '../measure/measure.ts'
import { measuredTest } from './gnu-time.ts'

const shell = (script: string) => ({ program: 'sh', args: ['-c', script] })

measuredTest('times and memory are those of the command and its children', async () => {
  const log = tempFolder(onTestFinished).at('log')
  const idle = await measure(shell('sleep 0.2'), log)
  expect(idle.wallSeconds).toBeGreaterThanOrEqual(0.2)
  expect(idle.userSeconds).toBeLessThan(0.2)
  const large = `sh -c 'exec "${process.execPath}" -e "Buffer.alloc(2 ** 28, 1)"'; true`
  expect((await measure(shell(large), log)).peakBytes).toBeGreaterThan(2 ** 28)
})

measuredTest('a command that fails is an error that shows the end of its output', async () => {
  const failing = measure(shell('echo the reason >&2; exit 3'), tempFolder(onTestFinished).at('log'))
  await expect(failing).rejects.toThrow(/exit code 3\nthe reason/)
})
