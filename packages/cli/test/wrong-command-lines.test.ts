import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encryptedConfig, type Workplace, workplace } from './support/workplace.js'

let place: Workplace

beforeAll(async () => {
  place = await workplace(encryptedConfig)
  await writeFile(join(place.folder, 'empty.yaml'), '')
  await writeFile(
    join(place.folder, 'misfit.yaml'),
    encryptedConfig.replace(
      /transforms:.*?targets:/s,
      `transforms:
      - { use: '@holdfast/transform-aes-gcm', with: { passphrase: { env: MARKER_PASSPHRASE } } }
      - { use: '@holdfast/transform-zstd' }
    targets:`,
    ),
  )
  const made = await place.holdfast(['init'], { MARKER_PASSPHRASE: 'marker-passphrase' })
  expect(made.exitCode).toBe(0)
})

afterAll(() => place[Symbol.asyncDispose]())

/** Each is wrong use: exit code 2, nothing on stdout, and a message that says what and what to do. */
const wrong = [
  'restor web@latest --to out',
  'lst',
  'run nighty',
  'run nightly other',
  'run --jsn',
  'run -x',
  'run -c',
  'run -c nowhere.yaml',
  'run -c empty.yaml',
  'run nightly -c misfit.yaml',
  'plan weekly',
  'init --target nowhere',
  'init extra',
  'init --hash',
  'init --hash md5',
  'list extra',
  'list --target',
  'list --target cellar',
  'show',
  'show web@latest',
  'show web@latest extra',
  'restore',
  'restore web@latest',
  'restore web@latest --to',
  'restore web@latest --to out --target cellar',
  'serve',
  'serve web@latest --target cellar',
  'serve web@latest --listen 127.0.0.1:10809',
  'serve web@latest --listen tcp:127.0.0.1:70000',
  'serve web@latest --listen tcp:0.0.0.0:10809',
  'serve web@latest --listen tcp:[::]:10809 --allow 10.0.0.0/8',
  'serve web@latest --allow 10.1.2.3',
  'serve web@latest --listen tcp:127.0.0.1:0 --allow here',
  'serve web@latest --listen tcp:127.0.0.1:0 --allow 10.0.0.0/33',
  'serve web@latest --tls-cert cert.pem',
  'serve web@latest --tls-cert holdfast.yaml --tls-key holdfast.yaml',
  'serve web@latest --tls-cert nowhere.pem --tls-key nowhere.pem',
  'serve web@latest --cache much',
  'serve web@latest --read-only --overlay kept',
  'verify --sample',
  'verify --sample none',
  'verify --sample 0%',
  'verify --sample 101%',
  'verify --read-dta',
  'verify web@latest',
  'verify --on nightly',
  'verify --restore',
  'verify --boot --sample 10%',
  'verify --boot --probe telepathy',
  'verify --boot --probe serial:',
  'verify --boot --boot-timeout soon',
  'verify --boot --target cellar',
  'verify --boot web@latest --probe agent',
  'prune --dryrun',
  'prune --target cellar',
  'copy',
  'copy --from vault --to offsite',
  'copy web@latest --all --from vault --to offsite',
  'copy --all --from vault --to vault',
  'copy --all --from vault --to cellar',
  'copy --all --from vault',
  'conformance target @nobody/nothing#plugin',
  'copy web@latest --from vault --to offsite',
  'diff web@latest',
  'hold nothing',
  'repair',
  'repair --target vault --from vault',
  'key rotat',
  'key list',
  'key add --target vault',
  'key add --target vault --label second',
  'key add --target vault --label second --passphrase-env A --passphrase-file b',
  'key add --target vault --label second --passphrase-env MISSING_VARIABLE',
  'key revoke nobody --target vault',
  'tape inventry',
  'tape inventory',
  'tape status --target vault',
  'tape status --target cellar',
  'tape label',
  'tape label A00001L8 --all-blank',
  'tape label --all-blank --force',
  'tape label A* --force',
  'tape erase',
  'tape erase A00001L8 A00002L8',
  'tape erase A* --force',
  'tape load',
  'tape load A00001L8 --drive first',
  'tape load A00001L8 --drive slot:1',
  'tape unload',
  'tape unload slot:1',
  'tape move A00001L8',
  'tape move A00001L8 shelf:1',
  'tape move A00001L8 slot:-1',
  'tape vault A00001L8',
  'tape vault --to safe',
  'tape recall',
  'tape catalog A00001L8',
  'conformance',
  'conformance targets vault',
  'conformance target cellar',
  'conformance target ./nowhere.js#plugin',
  'conformance target @holdfast/target-disk#nothing',
  'conformance source @holdfast/testkit/memory#memoryTarget',
  'completion',
  'completion tcsh',
  'conformance target vault --only target/nothing',
]

describe('a wrong command line', () => {
  test.each(wrong)('holdfast %s', async (line) => {
    const { exitCode, stdout, stderr } = await place.holdfast(line.split(' '), {
      MARKER_PASSPHRASE: 'marker-passphrase',
    })
    expect(stderr).toMatch(/^holdfast: .+ \[E_[A-Z_]+\]$/m)
    expect(stderr).toMatch(/^ {2}try: .+/m)
    expect({
      exitCode,
      stdout,
      stderr: stderr.replaceAll(place.folder, '<folder>').replace(/\b[0-9a-f]{16}\b/g, '<id>'),
    }).toMatchSnapshot()
    expect(exitCode).toBe(2)
  })
})
