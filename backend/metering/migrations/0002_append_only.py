"""Makes prices and the ledger append-only, and a transaction's entries sum to 0, in the database itself.

The sum is checked at commit (deferred), because a transaction's entries are written one after another.
Row triggers do not see TRUNCATE, which only the table's owner can do: tests use it, the application never.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION metering_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER price_append_only BEFORE UPDATE OR DELETE ON metering_price
    FOR EACH ROW EXECUTE FUNCTION metering_refuse_change();
CREATE TRIGGER ledgertransaction_append_only BEFORE UPDATE OR DELETE ON metering_ledgertransaction
    FOR EACH ROW EXECUTE FUNCTION metering_refuse_change();
CREATE TRIGGER ledgerentry_append_only BEFORE UPDATE OR DELETE ON metering_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION metering_refuse_change();
CREATE TRIGGER usagerecord_append_only BEFORE UPDATE OR DELETE ON metering_usagerecord
    FOR EACH ROW EXECUTE FUNCTION metering_refuse_change();

CREATE FUNCTION metering_entries_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE total numeric;
BEGIN
    SELECT sum(amount_nano_usd) INTO total FROM metering_ledgerentry WHERE transaction_id = NEW.transaction_id;
    IF total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % sums to % n$, not to 0', NEW.transaction_id, total
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledgerentry_sums_to_zero AFTER INSERT ON metering_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION metering_entries_sum_to_zero();
"""

BACKWARD = """
DROP TRIGGER ledgerentry_sums_to_zero ON metering_ledgerentry;
DROP FUNCTION metering_entries_sum_to_zero();
DROP TRIGGER usagerecord_append_only ON metering_usagerecord;
DROP TRIGGER ledgerentry_append_only ON metering_ledgerentry;
DROP TRIGGER ledgertransaction_append_only ON metering_ledgertransaction;
DROP TRIGGER price_append_only ON metering_price;
DROP FUNCTION metering_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
