/** A column's name, and how it differs from a plain one. */
interface Column {
  label: string;
  align?: keyof typeof ALIGNS; // else as the table's text
  width?: string;
  isUnseen?: boolean; // the name is for screen readers alone
}

const ALIGNS = { left: "text-left", right: "text-right" };
const GAPS = { after: "not-last:pr-4", before: "not-first:pl-4" };
const FOLDS = { md: "max-md:sr-only", lg: "max-lg:sr-only" };

interface TableHeadProps {
  columns: (string | Column)[];
  gap?: keyof typeof GAPS; // the side of a cell that keeps it from its neighbour
  foldsBelow?: keyof typeof FOLDS; // the width below which rows are cards, and a head would stand above nothing
}

/** The names above a table's columns. */
export function TableHead({ columns, gap = "after", foldsBelow }: TableHeadProps) {
  return (
    <thead className={foldsBelow && FOLDS[foldsBelow]}>
      <tr className="border-b border-line align-bottom text-soft">
        {columns.map((column, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two columns may share a name, and a head keeps no state
          <Head key={index} gap={gap} {...(typeof column === "string" ? { label: column } : column)} />
        ))}
      </tr>
    </thead>
  );
}

function Head({ label, align, width = "", isUnseen, gap }: Column & { gap: keyof typeof GAPS }) {
  return (
    <th className={`py-2 font-medium ${GAPS[gap]} ${align ? ALIGNS[align] : ""} ${width}`}>
      {isUnseen ? <span className="sr-only">{label}</span> : label}
    </th>
  );
}
