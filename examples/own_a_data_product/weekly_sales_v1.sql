with daily as (

    select * from {{ ref('daily_sales', v=2) }}

),

weekly as (

    select
        ---------- ids
        product_id,
        store_id,

        ---------- numerics
        cast(sum(units_net) as decimal(18, 4)) as units_net,
        cast(sum(net_revenue) as decimal(18, 4)) as net_revenue,
        cast(count(*) as integer) as days_sold,

        ---------- timestamps
        cast(date_trunc('week', sold_on) as date) as week_on,
        max(last_known_on) as last_known_on
    from daily
    group by product_id, store_id, cast(date_trunc('week', sold_on) as date)

)

select * from weekly
