/** Which stored file a job trains on, and uploading one without leaving the form. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { bytes } from "../../format/bytes";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ErrorNotice } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { filesQuery } from "../api";
import type { DataFileRow } from "../api_types";
import { UploadPanel } from "../files/UploadPanel";
import { a } from "../strings";

interface PickerProps {
  value: string;
  /** `numRows`: null where nobody counted them. */
  onChange: (sha256: string, numRows: number | null) => void;
}

export function FilePicker({ value, onChange }: PickerProps) {
  const files = useQuery(filesQuery);
  const [isUploading, setUploading] = useState(false);
  const rows = files.data ?? [];
  const isOther = value !== "" && !rows.some((row) => row.sha256 === value);
  return (
    <Panel
      title={a.files.picker}
      hint={a.files.pickerHint}
      tools={<Button onClick={() => setUploading(true)}>{a.files.upload}</Button>}
    >
      {files.isError && <ErrorNotice error={files.error} onRetry={() => void files.refetch()} />}
      <Select
        label={a.files.picker}
        isLabelHidden
        value={value}
        onChange={({ target }) =>
          onChange(target.value, rows.find((row) => row.sha256 === target.value)?.num_rows ?? null)
        }
        options={[
          { value: "", label: a.files.pickerNone },
          ...(isOther ? [{ value, label: a.files.pickerOther(value) }] : []),
          ...rows.map((row) => ({ value: row.sha256, label: rowWords(row) })),
        ]}
      />
      <Dialog title={a.files.upload} isOpen={isUploading} onClose={() => setUploading(false)}>
        <h2 className="mb-1 font-serif text-lg font-medium">{a.files.upload}</h2>
        <UploadPanel
          after={({ sha256 }, { num }) => (
            <>
              <Button onClick={() => setUploading(false)}>{t.common.cancel}</Button>
              <Button
                look="accent"
                onClick={() => {
                  onChange(sha256, num);
                  setUploading(false);
                }}
              >
                {a.files.use}
              </Button>
            </>
          )}
        />
      </Dialog>
    </Panel>
  );
}

const rowWords = (row: DataFileRow): string =>
  [row.name, row.num_rows === null ? "" : a.files.rows(row.num_rows), bytes(row.num_bytes)]
    .filter(Boolean)
    .join(", ");
