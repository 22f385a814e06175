import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pipeline } from '@holdfast/core'
import { engineHost, planPipeline, runPipeline } from '@holdfast/core/engine'
import { imageSource } from '@holdfast/source-image'
import { diskTarget } from '@holdfast/target-disk'
import { zstdTransform } from '@holdfast/transform-zstd'
import { makeMachine } from '#make-machine'
import { prepareRepository, restoreLatest } from '#vault'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
try {
  const disk = await makeMachine(folder)

  // What a config file would say. Relative paths start at the host's baseDir.
  const transforms = [zstdTransform({ level: 1 })]
  const vault = { name: 'vault', plugin: diskTarget({ path: 'vault' }), transforms }
  const pipeline: Pipeline = { name: 'nightly', source: imageSource({ path: 'machines' }), targets: [vault] }
  const host = engineHost({ baseDir: folder })
  const { signal } = new AbortController()

  const before = await planPipeline(pipeline, host, { signal })
  for (const { message, hint } of before.problems) console.log(`problem: ${message} ${hint}`)
  await prepareRepository(vault, host, signal)
  const plan = await planPipeline(pipeline, host, { signal })
  console.log(`planned: ${plan.machines.length} machine, ${plan.problems.length} problems`)

  const report = await runPipeline(pipeline, host, {
    signal,
    onEvent: (event) => {
      if (event.type === 'point-committed') console.log(`${event.machine} is safe on ${event.target}`)
    },
  })
  console.log(`run: ${report.status}`)

  const restored = await restoreLatest(vault, 'web', join(folder, 'restored'), host, signal)
  const same = (await readFile(disk)).equals(await readFile(join(restored.location, 'root.raw')))
  console.log(`restored: ${restored.machine}, ${same ? 'the same bytes' : 'other bytes'}`)
} finally {
  await rm(folder, { recursive: true })
}
