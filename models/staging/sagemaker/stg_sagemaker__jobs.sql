-- Jobs of SageMaker, each once: as it was described last, once it had ended. One row
-- per job.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "sagemaker__jobs") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'sagemaker__jobs'
    ),

    known as (
        select
            landed.*,
            deliveries.received_at_utc,
            row_number() over (
                partition by landed.resource_name
                order by
                    landed.is_described desc,
                    case when landed.read_at_utc is null then 0 else 1 end,
                    landed.modified_at_utc desc nulls last,
                    deliveries.received_at_utc desc,
                    landed.delivery_id desc,
                    landed.source_row desc
            ) as copy_rank
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    ),

    final as (
        select
            resource_name,
            kind as job_kind,
            name as job_name,
            account as account_id,
            region,

            cast(created_at_utc as timestamp) as created_at_utc,
            cast(started_at_utc as timestamp) as started_at_utc,
            cast(ended_at_utc as timestamp) as ended_at_utc,
            cast(read_at_utc as timestamp) as read_at_utc,

            status as job_state,
            is_described,
            failure as failure_text,
            parent_name,
            pipeline,
            step,
            run_as,
            model_name,
            dataset_uri,
            is_spot,
            pools,
            transitions,
            metrics,
            tags,

            charged_s,
            kept_alive_s,

            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from known
        where copy_rank = 1
    )

select *
from final
