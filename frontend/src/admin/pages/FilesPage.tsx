/** Data files: what is stored to train on, and storing another. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { fileRemove, filesQuery } from "../api";
import type { DataFileRow } from "../api_types";
import { FileTable } from "../files/FileTable";
import { UploadPanel } from "../files/UploadPanel";
import { BUTTON_LINK } from "../links";
import { RemoveDialog } from "../RemoveDialog";
import { a } from "../strings";
import { useEmptyTold } from "../use_empty_told";

export function FilesPage() {
  const [isUploading, setUploading] = useState(false);
  const [isEmpty, setEmpty] = useState(true);
  return (
    <AdminFrame
      title={a.files.title}
      hint={a.files.hint}
      action={
        !isEmpty && (
          <Button look="accent" onClick={() => setUploading(true)}>
            {a.files.upload}
          </Button>
        )
      }
    >
      <Files onEmpty={setEmpty} onUpload={() => setUploading(true)} />
      <Dialog title={a.files.upload} isOpen={isUploading} onClose={() => setUploading(false)}>
        <h2 className="mb-1 font-serif text-lg font-medium">{a.files.upload}</h2>
        <UploadPanel
          after={({ sha256 }, { num }) => (
            <>
              <Button onClick={() => setUploading(false)}>{t.common.done}</Button>
              <Link
                to="/admin/jobs/new"
                search={{ kind: "train", file: sha256, rows: num } as never}
                className={BUTTON_LINK}
              >
                {a.files.train}
              </Link>
            </>
          )}
        />
      </Dialog>
    </AdminFrame>
  );
}

interface FilesProps {
  onEmpty: (isEmpty: boolean) => void;
  onUpload: () => void;
}

function Files({ onEmpty, onUpload }: FilesProps) {
  const files = useQuery(filesQuery);
  useEmptyTold(files.data, onEmpty);
  const [removing, setRemoving] = useState<DataFileRow | null>(null);
  return (
    <>
      {files.isPending && <Skeleton lines={6} />}
      {files.isError && <ErrorNotice error={files.error} onRetry={() => void files.refetch()} />}
      {files.data?.length === 0 && (
        <Empty
          action={
            <Button look="accent" onClick={onUpload}>
              {a.files.upload}
            </Button>
          }
        >
          {a.files.empty}
        </Empty>
      )}
      {files.data && files.data.length > 0 && <FileTable rows={files.data} onRemove={setRemoving} />}
      <RemoveDialog
        title={a.files.removeTitle(removing?.name ?? "")}
        hint={a.files.removeHint}
        verb={a.files.remove}
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        onRemove={() => fileRemove(removing?.sha256 ?? "")}
        refresh={["files"]}
      />
    </>
  );
}
