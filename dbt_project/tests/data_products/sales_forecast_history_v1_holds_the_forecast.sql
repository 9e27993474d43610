-- Finds rows of the published forecast that its history lacks or tells differently.
{{ config(tags=['data_product']) }}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

history as (

    select * from {{ ref('sales_forecast_history', v=1) }}

)

select * from forecast
except
select * from history
