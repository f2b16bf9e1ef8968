declare module 'forensic:report/artifacts@0.1.0' {
  /**
   * All granted files, sorted by id.
   */
  export function list(): Array<Artifact>;
  /**
   * Bytes from `offset`, at most `len` and at most 1 MiB a call; empty at the end.
   */
  export function read(id: string, offset: bigint, len: number): Uint8Array;
  export interface Artifact {
    /**
     * Path below the run directory, with `/`. It is also the key for `read`.
     */
    id: string,
    size: bigint,
    /**
     * SHA-256, hexadecimal.
     */
    sha256: string,
  }
  export type ArtifactError = ArtifactErrorNotGranted | ArtifactErrorFailed;
  /**
   * Not in `list`.
   */
  export interface ArtifactErrorNotGranted {
    tag: 'not-granted',
  }
  /**
   * It could not be read, or is not what was listed any more; says why.
   */
  export interface ArtifactErrorFailed {
    tag: 'failed',
    val: string,
  }
}
