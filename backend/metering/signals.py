"""What metering asks and tells the apps above it."""

from django.dispatch import Signal

# Sent with `account_id` and `run_ids` when a statement is listed. A receiver returns {run_id: question}.
run_questions_wanted = Signal()

# Sent with `account_id` and `run_ids` likewise. A receiver returns {run_id: [{branch_id, num_tokens, is_answer}]} for
# the runs that searched in several branches.
run_branches_wanted = Signal()

# Sent with `account_id` when a settlement left less than the mark that `low_mark_set` put there.
balance_low = Signal()
