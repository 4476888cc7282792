"""The functions that book payments: money in, money out; a paused account holds nothing.

Lock order as in 0003: the balance's row first, then the source is looked up, so a repeat waits and then finds
what the first wrote. A chargeback takes what is free of the credit and makes the rest a receivable; whatever is
paid in later pays that receivable first. Amounts of `total` include `tax`.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION metering_owed(p_account_id text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(-sum(e.amount_nano_usd), 0)::bigint FROM metering_ledgerentry e
        JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id
        WHERE a.account_id = p_account_id AND a.kind = 'receivable'
$$;

-- Books a payment once per source. True when it was booked now.
CREATE FUNCTION metering_money_in(
    p_kind text, p_source text, p_account_id text, p_total bigint, p_tax bigint, p_actor text, p_reason text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_pays bigint; v_net bigint := p_total - p_tax;
BEGIN
    INSERT INTO metering_balance (account_id, available_nano_usd, held_nano_usd, credit_limit_nano_usd)
        VALUES (p_account_id, 0, 0, 0) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM metering_balance b WHERE b.account_id = p_account_id FOR UPDATE;
    PERFORM 1 FROM metering_ledgertransaction t WHERE t.source = p_source;
    IF FOUND THEN
        RETURN false;
    END IF;
    v_pays := least(metering_owed(p_account_id), v_net);
    UPDATE metering_balance b SET available_nano_usd = b.available_nano_usd + v_net - v_pays
        WHERE b.account_id = p_account_id;
    PERFORM metering_ledger_post(p_kind, p_source, '', p_actor, p_reason,
        ARRAY['cash', 'tax', 'receivable', 'credit'], ARRAY[NULL, NULL, p_account_id, p_account_id],
        ARRAY[-p_total, p_tax, v_pays, v_net - v_pays]);
    RETURN true;
END $$;

-- Books money that left, once per source: 'booked', 'repeated', or, where p_must_be_covered, 'refused' for want of
-- credit. Else what the free credit does not cover is owed.
CREATE FUNCTION metering_money_out(
    p_kind text, p_source text, p_account_id text, p_total bigint, p_tax bigint, p_must_be_covered boolean,
    p_actor text, p_reason text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_free bigint; v_takes bigint; v_net bigint := p_total - p_tax;
BEGIN
    SELECT greatest(b.available_nano_usd, 0) INTO v_free
        FROM metering_balance b WHERE b.account_id = p_account_id FOR UPDATE;
    PERFORM 1 FROM metering_ledgertransaction t WHERE t.source = p_source;
    IF FOUND THEN
        RETURN 'repeated';
    END IF;
    v_takes := least(coalesce(v_free, 0), v_net);
    IF p_must_be_covered AND v_takes < v_net THEN
        RETURN 'refused';
    END IF;
    UPDATE metering_balance b SET available_nano_usd = b.available_nano_usd - v_takes
        WHERE b.account_id = p_account_id;
    PERFORM metering_ledger_post(p_kind, p_source, '', p_actor, p_reason,
        ARRAY['cash', 'tax', 'credit', 'receivable'], ARRAY[NULL, NULL, p_account_id, p_account_id],
        ARRAY[p_total, -p_tax, -v_takes, v_takes - v_net]);
    RETURN 'booked';
END $$;

-- Whoever asks and by whatever door: a paused account starts no run. The message is the pause's reason.
CREATE FUNCTION metering_refuse_paused() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_reason text;
BEGIN
    SELECT b.pause_reason INTO v_reason FROM metering_balance b
        WHERE b.account_id = NEW.account_id AND b.paused_from <= clock_timestamp();
    IF FOUND THEN
        RAISE EXCEPTION '%', v_reason USING ERRCODE = 'SV402';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER hold_of_paused_refused BEFORE INSERT ON metering_hold
    FOR EACH ROW EXECUTE FUNCTION metering_refuse_paused();

-- Volatile, so that it sees what the settlement of the same statement did.
CREATE FUNCTION metering_is_low(p_account_id text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM metering_balance b WHERE b.account_id = p_account_id
        AND b.available_nano_usd + b.held_nano_usd < b.low_below_nano_usd);
END $$;
"""

BACKWARD = """
DROP FUNCTION metering_is_low(text);
DROP TRIGGER hold_of_paused_refused ON metering_hold;
DROP FUNCTION metering_refuse_paused();
DROP FUNCTION metering_money_out(text, text, text, bigint, bigint, boolean, text, text);
DROP FUNCTION metering_money_in(text, text, text, bigint, bigint, text, text);
DROP FUNCTION metering_owed(text);
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_payments")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
