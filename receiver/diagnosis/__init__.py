"""Why a delivery was refused: for the operator, in the log and by `hookline explain`; never for the sender."""
