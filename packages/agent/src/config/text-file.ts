import { readFile, stat } from 'node:fs/promises'
import { readableFault } from '../readable-fault.ts'
import { show } from './problems.ts'

/** The text of a file that a person named, or why it can't be had. A larger file is surely some other one. */
export async function readTextFile(
  path: string,
  maxBytes: number,
): Promise<{ text: string } | { problem: string }> {
  try {
    const found = await stat(path)
    if (!found.isFile()) return { problem: `${show(path)} is not a file` }
    if (found.size > maxBytes) {
      return { problem: `${show(path)} has ${found.size} bytes, expected at most ${maxBytes}` }
    }
    return { text: await readFile(path, 'utf8') }
  } catch (error) {
    return { problem: `can't read ${show(path)}: ${readableFault(error)}` }
  }
}

/** Passwords and keys are short. */
const maxSecretBytes = 16 * 1024

/** A secret, without the line end that editors add. */
export async function readSecretFile(path: string): Promise<{ text: string } | { problem: string }> {
  const file = await readTextFile(path, maxSecretBytes)
  if ('problem' in file) return file
  const text = file.text.trim()
  return text === '' ? { problem: `${show(path)} is empty, expected a secret` } : { text }
}
