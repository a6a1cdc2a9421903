-- Every delivery accounts for each of its rows, and the refused ones are kept.
with
    kept as (
        select delivery_id, count(*) as rows_rejected
        from {{ ref("stg_landing__rejected") }}
        group by delivery_id
    )

select deliveries.delivery_id
from {{ ref("stg_landing__deliveries") }} as deliveries
left join kept on deliveries.delivery_id = kept.delivery_id
where
    deliveries.rows_in <> deliveries.rows_landed + deliveries.rows_rejected
    or deliveries.rows_rejected <> coalesce(kept.rows_rejected, 0)
