with forecast_series as (

    select * from {{ ref('forecast_series') }}

),

latest as (

    select max(cutoff_on) as cutoff_on
    from forecast_series

),

by_reason as (

    select
        forecast_series.cutoff_on,
        forecast_series.source,
        forecast_series.left_out_reason,
        count(*) as series
    from forecast_series
    inner join latest on forecast_series.cutoff_on = latest.cutoff_on
    where not forecast_series.is_in_scope
    group by 1, 2, 3

)

select * from by_reason
