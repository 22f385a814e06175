import { Buffer } from 'node:buffer'
import type { RepositoryDescription } from './description.js'

/** Tells whoever finds this target in twenty years what it is and how to read it. */
export function readmeText(description: RepositoryDescription): Buffer {
  return Buffer.from(`This is a Holdfast repository (format ${description.version}, id ${description.id}),
made ${description.createdAt}: backups of virtual machines, deduplicated${description.encrypted ? ' and encrypted' : ''}.

To restore a machine with nothing but Node.js 22.18 or newer and this folder:

    node restore.mjs list
    node restore.mjs restore <point> <output folder>
${description.encrypted ? '\nIt asks for the passphrase in the environment variable HOLDFAST_PASSPHRASE.\n' : ''}
Layout:
    holdfast.json  what this repository is (holdfast-copy.json is the same)
    keys/          wrapped keys; useless without a passphrase, and nothing can be read without them
    packs/         encoded chunks of disks, each pack with a footer that lists them
    index/         which chunk is in which pack
    points/        recovery points: which chunks make up which disk of which machine
    verified/ holds/ writers/ condemned/   small notes about points and cleaning up

The format is specified in docs/spec/repository.md of the Holdfast project.
`)
}
